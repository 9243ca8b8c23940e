/**
 * A guest without a machine: it speaks the guest protocol over a connection in memory, keeps files in a map, and
 * emulates a handful of programs (`true`, `false`, `echo`, `printenv`, `cat`, `rm`, `sleep`). Enough for everything
 * that needs sandboxes but no processes: demos, simulations, tests of what builds on drivers.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Duplex, duplexPair } from 'node:stream';
import {
  ACCEPTED,
  encodeFrameHeader,
  FRAME,
  GUEST_LIMITS,
  GUEST_PATHS,
  GUEST_VERSION,
  PREFACE,
  REFUSED_PREFIX,
} from '@berth/contract/guest';

export interface FakeGuestOptions {
  readonly id: string;
  readonly root: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path → content. Shared with the caller, who may read and modify it. */
  readonly files: Map<string, string>;
}

export interface FakeGuest {
  /** A new connection, as returned by `Driver.connect`. */
  connect(): Duplex;
  /** Closes every connection, as the death of a machine does. */
  stop(): void;
}

interface Played {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly bytes: string | Uint8Array;
}

export const createFakeGuest = (options: FakeGuestOptions): FakeGuest => {
  const startedAt = Date.now();
  const connections = new Set<Duplex>();
  const server = createServer();
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy());
    void serve(stream, headers, (request) => answer(request, options, startedAt));
  });
  return {
    connect: () => {
      const [inner, outer] = duplexPair();
      connections.add(inner);
      inner.once('close', () => {
        connections.delete(inner);
        outer.destroy();
      });
      outer.once('close', () => inner.destroy());
      for (const side of [inner, outer]) side.on('error', () => side.destroy());
      greet(inner, () => server.emit('connection', inner)).catch(() => inner.destroy());
      return outer;
    },
    stop: () => {
      for (const connection of connections) connection.destroy();
    },
  };
};

const greet = async (connection: Duplex, control: () => void): Promise<void> => {
  const line = await firstLine(connection);
  const known = line === PREFACE.control || line === PREFACE.uplink;
  connection.write(known ? ACCEPTED : `${REFUSED_PREFIX}this guest speaks version ${GUEST_VERSION}\n`);
  // Nothing inside makes outgoing requests, so an uplink is merely held open.
  if (line === PREFACE.control) control();
};

const serve = async (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  reply: (request: Request) => Promise<Answer>,
): Promise<void> => {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    sizeBytes += chunk.length;
    if (sizeBytes > GUEST_LIMITS.fileBytes) return stream.close();
    chunks.push(chunk);
  }
  const { status, bytes } = await reply({
    method: headers[':method'] ?? 'GET',
    url: new URL(headers[':path'] ?? '/', 'http://guest'),
    body: Buffer.concat(chunks).toString(),
  });
  if (stream.destroyed) return;
  stream.respond({ ':status': status });
  stream.end(bytes);
};

const json = (value: object): Answer => ({ status: 200, bytes: JSON.stringify(value) });
const missing = (path: string): Answer => ({
  status: 404,
  bytes: JSON.stringify({ code: 'file.missing', message: `there is no ${path}` }),
});

const answer = async (request: Request, options: FakeGuestOptions, startedAt: number): Promise<Answer> => {
  const { pathname, searchParams } = request.url;
  const path = searchParams.get('path') ?? '';
  const { id, root, home, files } = options;
  switch (`${request.method} ${pathname}`) {
    case `GET ${GUEST_PATHS.health}`:
      return json({
        ...{ version: GUEST_VERSION, id, root, home, pid: 1, uptimeMs: Date.now() - startedAt },
        ...{ internalPort: 80, proxyPort: 3128, node: process.version, terminals: false },
      });
    case `GET ${GUEST_PATHS.metrics}`:
      return json({ uptimeMs: Date.now() - startedAt });
    case `PUT ${GUEST_PATHS.content}`:
      files.set(path, request.body);
      return json({ sizeBytes: Buffer.byteLength(request.body) });
    case `GET ${GUEST_PATHS.content}`: {
      const content = files.get(path);
      return content === undefined ? missing(path) : { status: 200, bytes: content };
    }
    case `POST ${GUEST_PATHS.remove}`:
      removeBelow(files, path);
      return json({});
    case `POST ${GUEST_PATHS.execs}`:
      return await startExec(request.body, options);
    default:
      return missing(`route ${request.method} ${pathname}`);
  }
};

const startExec = async (body: string, options: FakeGuestOptions): Promise<Answer> => {
  const { id, argv } = JSON.parse(body) as { id: string; argv: string[] };
  const { exitCode, stdout, stderr } = await play(argv, options);
  const exec = { id, pid: 2, command: argv.join(' '), startedAt: Date.now(), inputBytes: 0 };
  const sizes = { stdoutBytes: Buffer.byteLength(stdout), stderrBytes: Buffer.byteLength(stderr) };
  const exit = { exitCode, timedOut: false, outOfMemory: false, durationMs: 0 };
  return {
    status: 200,
    bytes: Buffer.concat([
      frame(FRAME.started, JSON.stringify({ ...exec, ...sizes })),
      frame(FRAME.stdout, stdout),
      frame(FRAME.stderr, stderr),
      frame(FRAME.exit, JSON.stringify(exit)),
    ]),
  };
};

const frame = (kind: number, payload: string): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([encodeFrameHeader({ kind, lengthBytes: bytes.length, cursor: 0 }), bytes]);
};

const ended = (exitCode: number, stdout = '', stderr = ''): Played => ({ exitCode, stdout, stderr });

const play = async ([program = '', ...args]: string[], options: FakeGuestOptions): Promise<Played> => {
  switch (program) {
    case 'true':
      return ended(0);
    case 'false':
      return ended(1);
    case 'echo':
      return ended(0, `${args.join(' ')}\n`);
    case 'printenv': {
      const value = options.env[args[0] ?? ''];
      return value === undefined ? ended(1) : ended(0, `${value}\n`);
    }
    case 'cat': {
      const content = options.files.get(args[0] ?? '');
      return content === undefined ? ended(1, '', `cat: ${args[0]}: no such file\n`) : ended(0, content);
    }
    case 'rm':
      for (const path of args) removeBelow(options.files, path);
      return ended(0);
    case 'sleep':
      await new Promise((resolve) => setTimeout(resolve, Number(args[0]) * 1000));
      return ended(0);
    default:
      return ended(127, '', `${program}: not emulated by this guest\n`);
  }
};

const removeBelow = (files: Map<string, string>, path: string): void => {
  for (const name of [...files.keys()]) if (name === path || name.startsWith(`${path}/`)) files.delete(name);
};

/**
 * Reads the first line of either end of the guest channel, with its newline, byte by byte: what follows is HTTP/2.
 * Rejects when the other side hangs up first.
 */
export const firstLine = (connection: Duplex): Promise<string> =>
  new Promise((resolve, reject) => {
    let line = '';
    const take = (): void => {
      for (let byte = connection.read(1); byte !== null; byte = connection.read(1)) {
        line += String(byte);
        if (!line.endsWith('\n')) continue;
        connection.off('readable', take);
        connection.off('close', hungUp);
        resolve(line);
        return;
      }
    };
    const hungUp = (): void => reject(new assert.AssertionError({ message: `hung up after "${line}"` }));
    connection.on('readable', take);
    connection.once('close', hungUp);
  });
