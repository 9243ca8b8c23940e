import { mkdtempSync, rmSync } from 'node:fs';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ACCEPTED, encodeFrameHeader, FRAME, GUEST_VERSION, REFUSED_PREFIX } from '@berth/contract/guest';
import { afterEach, describe, expect, it } from 'vitest';
import { openControl } from '../../src/guest/channel/control.ts';
import { attachUplink } from '../../src/guest/channel/uplink.ts';
import { createSandboxClient } from '../../src/guest/sandbox-client.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A server on a Unix socket that treats every connection as `serve` says. */
const listen = async (serve: (socket: Socket) => void) => {
  const folder = mkdtempSync(join(tmpdir(), 'hostile-'));
  const path = join(folder, 's');
  const server: Server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    cleanups.push(() => socket.destroy());
    serve(socket);
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(path, resolve);
  await promise;
  cleanups.push(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return async (): Promise<Socket> => {
    const socket = connect(path);
    cleanups.push(() => socket.destroy());
    return socket;
  };
};

/** A guest that answers the preface properly and then every request with `answer`. */
const fakeGuest = async (answer: (stream: ServerHttp2Stream, path: string) => void) => {
  const server = createHttp2Server();
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    answer(stream, String(headers[':path']));
  });
  const dial = await listen((socket) => {
    socket.once('data', () => {
      socket.write(ACCEPTED);
      server.emit('connection', socket);
    });
  });
  const client = createSandboxClient({
    id: 'sb_x',
    root: '/w',
    home: '/h',
    internalUrl: 'http://berth.internal',
    connect: dial,
  });
  cleanups.push(() => client.close());
  return { client, dial };
};

const UNREACHABLE = { code: 'sandbox.unreachable' };
const ok = (stream: ServerHttp2Stream, body: string | Buffer): void => {
  stream.respond({ ':status': 200 });
  stream.end(body);
};
const frame = (kind: number, payload: Buffer | string, cursor = 0): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([encodeFrameHeader({ kind, lengthBytes: bytes.length, cursor }), bytes]);
};

describe('a connection that is no guest', () => {
  it('is given up with what it said, made printable', async () => {
    const dial = await listen((socket) => socket.end(`${REFUSED_PREFIX}we are\u001b[31m closed\n`));
    await expect(openControl(await dial(), { id: 'sb_x' })).rejects.toThrow('we are?[31m closed');
    const http = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(openControl(await http(), { id: 'sb_x' })).rejects.toMatchObject(UNREACHABLE);
    const endless = await listen((socket) => void socket.write('A'.repeat(100_000)));
    await expect(openControl(await endless(), { id: 'sb_x' })).rejects.toMatchObject(UNREACHABLE);
    const gone = await listen((socket) => socket.destroy());
    await expect(attachUplink(await gone(), { sandboxId: 'sb_x', handler: NOBODY })).rejects.toMatchObject(
      UNREACHABLE,
    );
  });

  it.each(['control', 'uplink'])('is said to be of another version where it is, on %s', async (purpose) => {
    const older = GUEST_VERSION - 1;
    const dial = await listen((socket) => {
      // As a guest of the first version answers.
      socket.once('data', (line) => {
        const said = JSON.stringify(line.toString().slice(0, 60));
        socket.end(`BERTH/${older} refused this guest speaks BERTH/${older}, not ${said}\n`);
      });
    });
    const parts = { sandboxId: 'sb_x', handler: NOBODY };
    const introduced =
      purpose === 'control' ? openControl(await dial(), { id: 'sb_x' }) : attachUplink(await dial(), parts);
    await expect(introduced).rejects.toMatchObject({
      code: 'sandbox.outdated',
      details: { id: 'sb_x', guest: older, server: GUEST_VERSION },
    });
  });

  it('is given up when it talks nonsense after the preface', async () => {
    const dial = await listen((socket) => {
      socket.once('data', () => socket.write(`${ACCEPTED}${'garbage '.repeat(1000)}`));
    });
    const control = await openControl(await dial(), { id: 'sb_x' });
    await expect(control.bytes({ method: 'GET', path: '/health' })).rejects.toMatchObject(UNREACHABLE);
    expect(control.open).toBe(false);
  });
});

const NOBODY = {
  onConnect: (): void => undefined,
  onRequest: (): void => undefined,
};

describe('a hostile guest', () => {
  it.each([
    ['no JSON', 'garbage'],
    ['the wrong form', '{"entries":[{"name":5}]}'],
    ['an endless name', JSON.stringify({ entries: [entry('x'.repeat(5000))] })],
    ['too much', Buffer.alloc(5 * 2 ** 20, 32)],
    ['too many', JSON.stringify({ entries: Array.from({ length: 20_001 }, () => entry('x')) })],
  ])('cannot answer a call with %s', async (_what, body) => {
    const { dial } = await fakeGuest((stream) => ok(stream, body));
    const client = createSandboxClient({ ...PLACE, connect: dial });
    cleanups.push(() => client.close());
    await expect(client.files.list('.')).rejects.toMatchObject(UNREACHABLE);
  });

  it('cannot make a call last for ever', async () => {
    const { dial } = await fakeGuest(() => undefined);
    const control = await openControl(await dial(), { id: 'sb_x' });
    cleanups.push(() => control.close());
    const call = { method: 'GET', path: '/health', timeoutMs: 100 } as const;
    await expect(control.bytes(call)).rejects.toThrow(/no answer to \/health in 100 ms/);
    const { dial: slow } = await fakeGuest((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('{');
    });
    const dripping = await openControl(await slow(), { id: 'sb_x' });
    cleanups.push(() => dripping.close());
    await expect(dripping.bytes(call)).rejects.toThrow(/no answer/);
    await expect(dripping.bytes({ ...call, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'work.cancelled',
    });
  });

  it('cannot pass half an answer off as a whole one', async () => {
    const { client } = await fakeGuest((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => stream.session?.destroy());
    });
    await expect(client.files.read('x')).rejects.toMatchObject(UNREACHABLE);
  });

  it('cannot send a file larger than was asked for', async () => {
    const { client } = await fakeGuest((stream) => ok(stream, Buffer.alloc(2000)));
    await expect(client.files.read('x', 1000)).rejects.toMatchObject(UNREACHABLE);
  });

  it('cannot make up an error of ours', async () => {
    const { client } = await fakeGuest((stream) => {
      stream.respond({ ':status': 400 });
      stream.end('{"code":"auth.required","data":{}}');
    });
    await expect(client.files.stat('x')).rejects.toMatchObject(UNREACHABLE);
  });

  it('cannot answer with endless headers', async () => {
    const { client } = await fakeGuest((stream) => {
      stream.respond({
        ':status': 200,
        ...Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`h${i}`, 'x'])),
      });
      stream.end('{}');
    });
    await expect(client.files.makeFolder('x')).rejects.toMatchObject(UNREACHABLE);
  });

  const started = frame(
    FRAME.started,
    JSON.stringify({
      id: 'e',
      pid: 1,
      command: 'x',
      startedAt: 0,
      stdoutBytes: 0,
      stderrBytes: 0,
      inputBytes: 0,
    }),
  );
  it.each([
    ['a frame of 4 GB', Buffer.from([1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['an unknown frame', frame(77, 'x')],
    ['output from elsewhere', frame(FRAME.stdout, 'x', 5)],
    ['a cursor that goes back', frame(FRAME.laggedStdout, '', 0)],
    ['an exit without a code', frame(FRAME.exit, '{"exitCode":"zero"}')],
    ['an end without an exit', Buffer.alloc(0)],
  ])('cannot end a command with %s', async (_what, bytes) => {
    const { client } = await fakeGuest((stream) => ok(stream, Buffer.concat([started, bytes])));
    const run = client.run({ id: 'e', argv: ['x'] });
    await expect(run).rejects.toMatchObject(UNREACHABLE);
  });

  it('cannot fill the memory of who collects output', async () => {
    const { client } = await fakeGuest((stream) => {
      stream.respond({ ':status': 200 });
      stream.write(started);
      const payload = Buffer.alloc(60_000, 'x');
      for (let i = 0; i < 200; i++) stream.write(frame(FRAME.stdout, payload, i * payload.length));
      const exit = { exitCode: 0, timedOut: false, outOfMemory: false, durationMs: 1 };
      stream.end(frame(FRAME.exit, JSON.stringify(exit)));
    });
    const result = await client.run({ id: 'e', argv: ['x'], maxOutputBytes: 10 });
    expect(result).toMatchObject({ stdout: 'xxxxxxxxxx', truncated: true });
  });
});

describe('a guest that spends what is the server’s', () => {
  it.each([
    ['nested without end', `{"entries":[{"name":${'['.repeat(100_000)}`],
    ['of a million empty lists', `{"entries":[${'[],'.repeat(1_000_000)}[]]}`],
  ])('is not listened to when it answers JSON %s', async (_what, body) => {
    const { client } = await fakeGuest((stream) => ok(stream, body));
    await expect(client.files.list('.')).rejects.toMatchObject(UNREACHABLE);
  });

  it('has no more than a window of bytes held on a stream that nobody reads', async () => {
    const streams = 32;
    const held: Http2ServerRequest[] = [];
    const handler = {
      onConnect: (): void => undefined,
      // As when a request waits for its turn.
      onRequest: (request: Http2ServerRequest): void => void held.push(request),
    };
    const uplink = Promise.withResolvers<Socket>();
    const dial = await listen((socket) => {
      socket.once('data', () => {
        socket.write(ACCEPTED);
        uplink.resolve(socket);
      });
    });
    const attached = await attachUplink(await dial(), { sandboxId: 'sb_x', handler });
    cleanups.push(() => attached.close());
    const socket = await uplink.promise;
    const session = connectHttp2('http://berth.internal', { createConnection: () => socket });
    session.on('error', () => undefined);
    const chunk = Buffer.alloc(65_536);
    for (let count = 0; count < streams; count += 1) {
      const stream = session.request({ ':method': 'POST', ':path': '/models/x' }, { endStream: false });
      stream.on('error', () => undefined);
      for (let part = 0; part < 16; part += 1) stream.write(chunk);
    }
    await expect.poll(() => held.length).toBe(streams);
    const heldBytes = () => held.reduce((sum, request) => sum + request.stream.readableLength, 0);
    // It has taken what it will when a ping that was sent after all of it comes back.
    await new Promise((resolve) => session.ping(resolve));
    await new Promise((resolve) => session.ping(resolve));
    expect(heldBytes() / streams).toBeLessThanOrEqual(128 * 1024);
    session.destroy();
  });

  it('is hung up on when it opens and resets streams without end', async () => {
    let asked = 0;
    const handler = {
      onConnect: (): void => undefined,
      onRequest: (): void => {
        asked += 1;
      },
    };
    const uplink = Promise.withResolvers<Socket>();
    const dial = await listen((socket) => {
      socket.once('data', () => {
        socket.write(ACCEPTED);
        uplink.resolve(socket);
      });
    });
    const attached = await attachUplink(await dial(), { sandboxId: 'sb_x', handler });
    const socket = await uplink.promise;
    const session = connectHttp2('http://berth.internal', { createConnection: () => socket });
    session.on('error', () => undefined);
    const attack = async (): Promise<void> => {
      while (!session.destroyed && asked < 20_000) {
        for (let count = 0; count < 50 && !session.destroyed; count += 1) {
          const stream = session.request({ ':path': '/git/x' });
          stream.on('error', () => undefined);
          stream.close(8);
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([attack(), attached.closed]);
    expect(asked).toBeLessThan(10_000);
  });
});

const PLACE = { id: 'sb_x', root: '/w', home: '/h', internalUrl: 'http://berth.internal' };

function entry(name: string) {
  return { name, kind: 'file', sizeBytes: 0, mode: 0, modifiedAt: 0 };
}
