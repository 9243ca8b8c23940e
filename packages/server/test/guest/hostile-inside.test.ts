/** What programs inside send to the guest's own ports: whatever it is, the guest goes on, and so does what it runs. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UplinkHandler } from '../../src/guest/channel/uplink.ts';
import { guestProcess, type TestGuest, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestProcess>>;
let ports: readonly number[];
let client: ReturnType<TestGuest['client']>;

/** Ends, resets, answers late or not at all: the server is no help here. */
const handler: UplinkHandler = {
  onConnect: ({ host }, accept, refuse) => {
    if (host.startsWith('refused')) return refuse(403, 'no');
    if (host.startsWith('gone')) accept().destroy();
    else accept().end('answer');
  },
  onRequest: (request, response) => {
    if (request.url.includes('silent')) return;
    if (request.url.includes('gone')) response.stream.destroy();
    else response.writeHead(200, {});
    response.end('x'.repeat(100_000));
  },
};

beforeAll(async () => {
  guest = await guestProcess();
  client = guest.client(handler);
  const { internalPort, proxyPort } = await client.health();
  ports = [internalPort, proxyPort];
});
afterAll(() => guest[Symbol.asyncDispose]());

const HOST = 'Host: berth.internal\r\n';
const SENT: readonly string[] = [
  '\0\0\0\0',
  '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  'GET',
  `GET / HTTP/1.1\r\n${HOST}`,
  `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(200_000)}`,
  `GET /${'x'.repeat(100_000)} HTTP/1.1\r\n${HOST}\r\n`,
  `GET /silent HTTP/1.1\r\n${HOST}\r\n`,
  `GET /gone HTTP/1.1\r\n${HOST}\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}\r\n`.repeat(50),
  `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}:status: 200\r\n:path: /b\r\n\r\n`,
  `GET /a HTTP/1.1\r\n${HOST}Connection: :path, host\r\nTE: trailers\r\nHTTP2-Settings: x\r\n\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\nhalf`,
  `POST /gone HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`,
  `POST /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n`,
  `BREW http://berth.internal/a HTTP/1.1\r\n${HOST}\r\n`,
  'GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://a.example/gone HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET ftp://a.example/ HTTP/1.1\r\nHost: a\r\n\r\n',
  'CONNECT a.example:443 HTTP/1.1\r\n\r\nearly bytes',
  'CONNECT refused.example:443 HTTP/1.1\r\n\r\nearly bytes',
  'CONNECT gone.example:443 HTTP/1.1\r\n\r\nearly bytes',
  'CONNECT : HTTP/1.1\r\n\r\n',
  `CONNECT ${'a'.repeat(10_000)}:1 HTTP/1.1\r\n\r\n`,
  'CONNECT a:99999 HTTP/1.1\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
];

/** How the sender goes. */
const LEAVES: readonly ((socket: Socket) => unknown)[] = [
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.end(),
  (socket) => socket.once('data', () => socket.resetAndDestroy()),
];

it('goes on whatever is sent to its ports and however the sender leaves', { timeout: 60_000 }, async () => {
  const running = await client.start({ id: 'along', argv: ['sh', '-c', 'read line; echo "$line"'] });
  const open: Socket[] = [];
  for (const port of ports)
    for (const leave of LEAVES)
      for (const sent of SENT) {
        const socket = connect(port, '127.0.0.1').on('error', () => socket.destroy());
        socket.resume().write(sent, 'latin1', () => setImmediate(() => leave(socket)));
        open.push(socket);
        if (open.length % SENT.length === 0) await client.health();
      }
  await until(async () =>
    expect((await client.run({ id: `r${open.length}`, argv: ['true'] })).exitCode).toBe(0),
  );
  for (const socket of open) socket.destroy();
  expect(guest.child.exitCode).toBeNull();
  await running.write(0, Buffer.from('still here\n'));
  let said = '';
  for await (const chunk of running.output())
    if (chunk.kind === 'output') said += Buffer.from(chunk.bytes).toString();
  expect(said).toBe('still here\n');
});
