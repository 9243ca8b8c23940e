import { createServer as createHttpServer, get, request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UplinkHandler } from '../../src/guest/channel/uplink.ts';
import { keepUplink, parseAuthority } from '../../src/guest/channel/uplink.ts';
import { guestInProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestInProcess>>;
const ends: (() => void)[] = [];
beforeAll(async () => {
  guest = await guestInProcess();
});
afterAll(async () => {
  for (const end of ends) end();
  await guest[Symbol.asyncDispose]();
});

const handler: UplinkHandler = {
  onConnect: ({ host, port, sandboxId }, accept, refuse) => {
    if (host !== 'echo.example') return refuse(403, `no way to ${host} for ${sandboxId}\r\ninjected: yes`);
    if (port === 443) accept().once('data', () => undefined);
    const stream = accept();
    stream.pipe(stream);
  },
  onRequest: (req, res, sandboxId) => {
    const url = `${req.authority}${req.url}`;
    if (req.url.startsWith('/echo')) {
      res.writeHead(201, { 'x-sandbox': sandboxId, 'x-url': url, 'set-cookie': ['a=1', 'b=2'] });
      req.stream.pipe(res.stream);
    } else if (req.url === '/events') {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: first\n\n');
      ends.push(() => res.end());
    } else res.stream.destroy();
  },
};

const ask = (options: { port: number; path?: string; method?: string; headers?: Record<string, string> }) =>
  request({ host: '127.0.0.1', method: 'GET', agent: false, ...options });

const answerOf = async (outgoing: ReturnType<typeof request>) => {
  const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>();
  outgoing.once('response', resolve).once('error', reject);
  return promise;
};

describe('the uplink', () => {
  it('makes a request wait for the server, then carries it', async () => {
    const waiting = answerOf(
      ask({ port: guest.internalPort, path: '/echo', headers: { host: 'berth.internal' } }).end(),
    );
    guest.client(handler);
    const response = await waiting;
    expect(response.statusCode).toBe(201);
    expect(response.headers['x-url']).toBe('berth.internal/echo');
    expect(response.headers['x-sandbox']).toBe('sb_test');
    expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('streams bodies both ways at the same time', async () => {
    const outgoing = ask({
      port: guest.internalPort,
      path: '/echo',
      method: 'POST',
      headers: { host: 'berth.internal' },
    });
    outgoing.write('one');
    const response = await answerOf(outgoing);
    const iterator = response[Symbol.asyncIterator]();
    expect(String((await iterator.next()).value)).toBe('one');
    outgoing.write('two');
    expect(String((await iterator.next()).value)).toBe('two');
    outgoing.end();
    expect((await iterator.next()).done).toBe(true);
  });

  it('carries 8 MB without loss', async () => {
    const body = Buffer.alloc(8 * 2 ** 20, 'berth');
    const outgoing = ask({ port: guest.proxyPort, path: 'http://some.example:81/echo?x=1', method: 'PUT' });
    outgoing.end(body);
    const response = await answerOf(outgoing);
    expect(response.headers['x-url']).toBe('some.example:81/echo?x=1');
    expect((await buffer(response)).equals(body)).toBe(true);
  });

  it('passes events on as they come', async () => {
    const response = await answerOf(
      get({ port: guest.internalPort, path: '/events', headers: { host: 'berth.internal' } }),
    );
    const { value } = await response[Symbol.asyncIterator]().next();
    expect(String(value)).toBe('data: first\n\n');
    response.destroy();
  });

  it('refuses a foreign host name and a request that is no proxy request', async () => {
    const foreign = await answerOf(
      ask({ port: guest.internalPort, headers: { host: 'evil.example' } }).end(),
    );
    expect(foreign.statusCode).toBe(421);
    const direct = await answerOf(ask({ port: guest.proxyPort, path: '/echo' }).end());
    expect(direct.statusCode).toBe(400);
    const broken = await answerOf(
      ask({ port: guest.internalPort, path: '/broken', headers: { host: 'localhost' } }).end(),
    );
    expect(broken.statusCode).toBe(502);
  });

  const tunnel = async (target: string): Promise<[status: number, socket: Socket, reason: string]> => {
    const outgoing = ask({ port: guest.proxyPort, method: 'CONNECT', path: target });
    const { promise, resolve, reject } = Promise.withResolvers<[number, Socket, string]>();
    outgoing.once('connect', (res, socket) =>
      resolve([res.statusCode ?? 0, socket, String(res.headers['berth-reason'] ?? '')]),
    );
    outgoing.once('error', reject).end();
    return promise;
  };

  it('tunnels with half-closed ends', async () => {
    const [status, socket] = await tunnel('echo.example:7');
    expect(status).toBe(200);
    socket.end('all of it');
    expect(await text(socket)).toBe('all of it');
  });

  it('tells why a tunnel was refused, in one line', async () => {
    const [status, socket, reason] = await tunnel('evil.example:443');
    expect(status).toBe(403);
    expect(reason).toBe('no way to evil.example for sb_test??injected: yes');
    socket.destroy();
    expect((await tunnel('evil.example:99999'))[0]).toBe(400);
  });

  it('is made again when it breaks', async () => {
    for (const socket of guest.connections.splice(0)) socket.destroy();
    const outgoing = ask({ port: guest.internalPort, path: '/echo', headers: { host: 'berth.internal' } });
    expect((await answerOf(outgoing.end())).statusCode).toBe(201);
  });
});

describe('the way in', () => {
  it('reaches a port inside, and says when nothing listens', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(
      0,
      '127.0.0.1',
    );
    await until(() => expect(server.listening).toBe(true));
    const { port } = server.address() as AddressInfo;
    const sandbox = guest.client();
    const stream = await sandbox.connectPort(port);
    stream.end('hello');
    expect(await text(stream)).toBe('hello');
    server.close();
    const closed = createHttpServer().listen(0, '127.0.0.1');
    await until(() => expect(closed.listening).toBe(true));
    const { port: free } = closed.address() as AddressInfo;
    closed.close();
    await expect(sandbox.connectPort(free)).rejects.toMatchObject({
      code: 'port.closed',
      message: expect.stringMatching(/ECONNREFUSED/),
    });
  });

  it('holds up a port that floods and is not read, and nothing else', async () => {
    let floodedBytes = 0;
    const flood = createServer((socket) => {
      const more = (): void => {
        do floodedBytes += 65_536;
        while (socket.write(Buffer.alloc(65_536)));
      };
      socket.on('drain', more).on('error', () => undefined);
      more();
    }).listen(0, '127.0.0.1');
    const echo = createServer((socket) => socket.pipe(socket)).listen(0, '::1');
    await until(() => expect(flood.listening && echo.listening).toBe(true));
    const portOf = (server: typeof flood) => (server.address() as AddressInfo).port;
    const sandbox = guest.client();
    const unread = await Promise.all(Array.from({ length: 63 }, () => sandbox.connectPort(portOf(flood))));
    let seen = -1;
    await until(() => {
      const was = seen;
      seen = floodedBytes;
      expect(was).toBe(floodedBytes);
    });
    expect((await sandbox.run({ id: 'beside', argv: ['echo', 'served'] })).stdout).toBe('served\n');
    const other = await sandbox.connectPort(portOf(echo));
    other.end('served');
    expect(await text(other)).toBe('served');
    for (const stream of unread) {
      expect(stream.readableLength).toBeLessThanOrEqual(65_536);
      stream.destroy();
    }
    flood.close();
    echo.close();
  });

  it('refuses another version with a sentence', async () => {
    const socket = connect(guest.socket);
    socket.write('BERTH/9 control\n');
    expect(await text(socket)).toMatch(/^BERTH\/2 refused this guest speaks BERTH\/2, not "BERTH\/9/);
  });
});

describe('an uplink that is kept', () => {
  it('is dialled no more once it is closed, and a guest that never answers is hung up on', async () => {
    const made: Duplex[] = [];
    const connect = async (): Promise<Duplex> => {
      const [ours, theirs] = duplexPair();
      theirs.resume();
      made.push(ours);
      return ours;
    };
    const kept = keepUplink({ sandboxId: 'sb_1', handler, connect });
    await until(() => expect(made).toHaveLength(1));
    made[0]?.destroy();
    await until(() => expect(made).toHaveLength(2));
    kept.close();
    expect(made[1]?.destroyed).toBe(true);
    await kept.ended;
    expect(made).toHaveLength(2);
  });

  it('hangs up on a connection that comes about after the close', async () => {
    const coming = Promise.withResolvers<Duplex>();
    const kept = keepUplink({ sandboxId: 'sb_1', handler, connect: () => coming.promise });
    kept.close();
    const [ours] = duplexPair();
    coming.resolve(ours);
    await kept.ended;
    expect(ours.destroyed).toBe(true);
  });
});

describe('authorities', () => {
  it('are a host and a port', () => {
    expect(parseAuthority('Example.COM:443')).toEqual({ host: 'example.com', port: 443 });
    expect(parseAuthority('[::1]:80')).toEqual({ host: '::1', port: 80 });
    for (const bad of ['x', 'x:0', 'x:65536', 'a@b:1', '::1:80', 'a b:1', `${'a'.repeat(254)}:1`, 'x:1\r\n'])
      expect(parseAuthority(bad)).toBeUndefined();
  });
});
