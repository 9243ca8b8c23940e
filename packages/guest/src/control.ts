/**
 * The control connection: an HTTP/2 server for one client, the Berth server. Each part of the guest contributes its
 * `Route`s.
 */
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { GuestRefusal } from '@berth/contract/guest-messages';
import { invalid, messageOf, Refusal } from './refusal.ts';

export interface GuestRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly stream: ServerHttp2Stream;
  /** The parts of the path that the route's `*` stand for, decoded. */
  readonly names: readonly string[];
}

export interface Route {
  readonly method: string;
  /** A path whose segments are literal or `*`. */
  readonly path: string;
  /** The result is sent as JSON; undefined = it responds on the stream itself. */
  readonly handle: (request: GuestRequest) => Promise<object | undefined> | object | undefined;
}

type OnConnect = (authority: string, stream: ServerHttp2Stream) => void;

/** Returns the function that takes over a connection after its preface. */
export const createControl = (
  routes: readonly Route[],
  onConnect: OnConnect,
): ((socket: Socket) => Promise<void>) => {
  let server: Http2Server | undefined;
  return async (socket) => {
    server ??= makeServer(routes, onConnect);
    server.emit('connection', socket);
  };
};

/** HTTP/2 is loaded on demand: it takes longer than everything else, and listening does not need it. */
const makeServer = (routes: readonly Route[], onConnect: OnConnect): Http2Server => {
  const { createServer } = process.getBuiltinModule('node:http2');
  const server = createServer({
    maxSessionMemory: SESSION_MEMORY_MIB,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      enableConnectProtocol: false,
      maxConcurrentStreams: 1000,
    },
  });
  server.on('sessionError', () => undefined);
  server.on('session', (session) => session.setLocalWindowSize(WINDOW_BYTES));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => stream.destroy());
    if (headers[':method'] === 'CONNECT') onConnect(String(headers[':authority'] ?? ''), stream);
    else void answer(routes, stream, headers);
  });
  return server;
};

const SESSION_MEMORY_MIB = 128;
/** What waits here of a stream whose bytes nobody takes, a terminal's or a port's. */
const STREAM_WINDOW_BYTES = 256 * 2 ** 10;
const WINDOW_BYTES = 4 * 2 ** 20;

const answer = async (
  routes: readonly Route[],
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): Promise<void> => {
  try {
    const url = new URL(headers[':path'] ?? '/', 'http://guest');
    const parts = url.pathname.split('/');
    const route = routes.find((r) => r.method === headers[':method'] && matches(r.path.split('/'), parts));
    if (route === undefined) throw invalid('path', `no route ${headers[':method']} ${url.pathname}`);
    const names = route.path
      .split('/')
      .flatMap((p, i) => (p === '*' ? decodeURIComponent(parts[i] ?? '') : []));
    const result = await route.handle({ path: url.pathname, query: url.searchParams, stream, names });
    if (result !== undefined) sendJson(stream, 200, result);
  } catch (error) {
    const body = error instanceof Refusal ? error.body : unexpected(error);
    sendJson(stream, STATUS[body.code], body);
  }
};

const matches = (pattern: readonly string[], parts: readonly string[]): boolean =>
  pattern.length === parts.length && pattern.every((p, i) => p === '*' || p === parts[i]);

const STATUS: Readonly<Record<GuestRefusal['code'], number>> = {
  'exec.missing': 404,
  'exec.not_startable': 400,
  'file.missing': 404,
  'file.refused': 400,
  'disk.full': 507,
  'request.invalid': 400,
};

const unexpected = (error: unknown): GuestRefusal => invalid('', messageOf(error)).body;

const sendJson = (stream: ServerHttp2Stream, status: number, value: object): void => {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ':status': status, 'content-type': 'application/json' });
  stream.end(JSON.stringify(value));
};

/** The whole body, at most `maxBytes`. */
export const readBody = (stream: ServerHttp2Stream, maxBytes: number): Promise<Buffer> => {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  // An async iterator would add 5 % to a short command.
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else stream.destroy(invalid('body', `larger than ${maxBytes} bytes`));
  });
  stream.once('end', () => resolve(Buffer.concat(chunks))).once('error', reject);
  const brokenOff = (): void => reject(invalid('body', 'broken off'));
  if (stream.closed) brokenOff();
  else stream.once('close', brokenOff);
  return promise;
};

/** The JSON body; the server wrote it and has checked it against the schema. */
export const readJson = async <T>(stream: ServerHttp2Stream): Promise<T> =>
  JSON.parse((await readBody(stream, GUEST_LIMITS.jsonBytes)).toString());

export const queryText = (query: URLSearchParams, name: string): string => {
  const value = query.get(name);
  if (value === null || value === '') throw invalid(name, 'needed');
  return value;
};

/** A whole number from the query; `fallback` when it is absent. */
export const queryCount = (query: URLSearchParams, name: string, fallback: number): number => {
  const value = Number(query.get(name) ?? fallback);
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(name, 'must be a number');
  return value;
};
