/**
 * One control connection to a guest: HTTP/2 requests with a limit on everything that comes back. The guest is not
 * trusted: headers, bodies, times and counts are capped, and anything that does not match its schema is
 * `sandbox.unreachable`.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BerthError, fail, isBerthError } from '@berth/contract';
import { GUEST_LIMITS, REASON_HEADER } from '@berth/contract/guest';
import { GuestRefusal } from '@berth/contract/guest-messages';
import { createGrowingBytes, parseWithin } from '@berth/plugin-api';
import type { z } from 'zod';
import { type GuestLiveness, keepAlive } from './liveness.ts';
import { dropBytesOfEnded, introduce, printable, unreachable, untrustworthy } from './preface.ts';

export interface GuestCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>> | undefined;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** For the whole call. 30 s when absent. */
  readonly timeoutMs?: number | undefined;
  /** Of the response. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What a refusal by a header means; the guest cannot be relied on when absent. */
  readonly refused?: ((reason: string) => BerthError) | undefined;
}

export interface Control {
  /** False once the connection is broken. */
  readonly open: boolean;
  /** The response's bytes. Rejects with the guest's refusal, or `sandbox.unreachable`. */
  bytes(call: GuestCall): Promise<Buffer>;
  json<S extends z.ZodType>(call: GuestCall, schema: S): Promise<z.output<S>>;
  /** The response as a stream, once it was accepted. The reader sets the pace. */
  stream(call: GuestCall): Promise<ClientHttp2Stream>;
  /** Like `stream`, with the request's body left open: bytes in both directions. */
  duplex(call: GuestCall): Promise<ClientHttp2Stream>;
  /** A connection to a port of 127.0.0.1 inside. */
  connectPort(port: number, signal?: AbortSignal): Promise<Duplex>;
  close(): void;
}

export interface ControlParts {
  readonly id: string;
  /** Called when the guest answers a ping. */
  readonly hearing?: GuestLiveness | undefined;
  /** How much the guest may send on one stream before somebody reads it. */
  readonly streamWindowBytes?: number | undefined;
}

export const openControl = async (duplex: Duplex, parts: ControlParts): Promise<Control> => {
  const { id, hearing, streamWindowBytes = STREAM_WINDOW_BYTES } = parts;
  await introduce(duplex, 'control', id);
  dropBytesOfEnded(duplex, () => session.destroyed);
  const session = connect('http://guest', {
    createConnection: () => duplex,
    maxHeaderListPairs: GUEST_LIMITS.headerPairs,
    maxReservedRemoteStreams: 0,
    maxSessionMemory: SESSION_MEMORY_MIB,
    settings: {
      enablePush: false,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: GUEST_LIMITS.headerBytes,
    },
  });
  let broken: unknown = 'the connection was closed';
  session.on('error', (error) => {
    broken = error;
  });
  session.once('close', () => duplex.destroy());
  session.once('connect', () => {
    if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
  });
  keepAlive(session, hearing);
  const wire = { id, session, why: () => broken };

  const bytes = async (call: GuestCall): Promise<Buffer> => {
    const { stream, done } = await begin(wire, call, requestHeaders(call));
    try {
      const answer = await collect(id, stream, call.maxBytes ?? GUEST_LIMITS.jsonBytes);
      // A stream that was ended by its timeout can look like one that ended normally.
      const late = done.reason();
      if (late !== undefined) throw late;
      return answer;
    } catch (error) {
      throw done.reason() ?? asUnreachable(id, error);
    } finally {
      done.stop();
      stream.close(constants.NGHTTP2_CANCEL);
    }
  };
  const duplexStream = async (call: GuestCall, headers: Headers): Promise<ClientHttp2Stream> => {
    const { stream, done } = await begin(wire, call, headers);
    done.stop();
    return stream;
  };
  return {
    get open() {
      return !session.closed && !session.destroyed;
    },
    bytes,
    json: async (call, schema) => parseJson(id, await bytes(call), schema),
    stream: (call) => duplexStream(call, requestHeaders(call)),
    duplex: (call) => duplexStream({ ...call, body: undefined }, { ...requestHeaders(call), [OPEN]: true }),
    connectPort: (port, signal) =>
      duplexStream(
        {
          ...{ method: 'GET', path: `port ${port}`, timeoutMs: GUEST_LIMITS.connectMs, signal },
          refused: (reason) => fail('port.closed', { id, port, detail: printable(reason) }),
        },
        { ':method': 'CONNECT', ':authority': `127.0.0.1:${port}`, [OPEN]: true },
      ),
    close: () => session.destroy(),
  };
};

/** A reader that waits holds this much. */
const STREAM_WINDOW_BYTES = 2 ** 20;
const WINDOW_BYTES = 4 * 2 ** 20;
const SESSION_MEMORY_MIB = 64;
const CALL_MS = 30_000;

/** Marks a request whose body stays open; not sent. */
const OPEN = Symbol('open');
type Headers = Record<string, string> & { [OPEN]?: boolean };

interface Wire {
  readonly id: string;
  readonly session: ClientHttp2Session;
  readonly why: () => unknown;
}

const requestHeaders = ({ method, path, query = {} }: GuestCall): Headers => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return { ':method': method, ':path': search.size === 0 ? path : `${path}?${search}` };
};

/** Sends the request and waits for a success status. Its time limit stays active until `done.stop()`. */
const begin = async (wire: Wire, call: GuestCall, headers: Headers) => {
  const { id, session } = wire;
  if (session.closed || session.destroyed) throw unreachable(id, wire.why());
  const { [OPEN]: open = false, ...sent } = headers;
  const stream = session.request(sent, { endStream: !open && call.body === undefined });
  const done = limit(id, stream, call);
  // Later errors reach whoever reads the stream; this listener only keeps them from being fatal.
  stream.on('error', () => undefined);
  if (call.body instanceof Uint8Array) stream.end(call.body);
  else if (call.body !== undefined) feed(stream, call.body, done.end);
  try {
    const answer = await response(stream);
    const status = Number(answer[':status']);
    if (status === 200) return { stream, done };
    const reason = answer[REASON_HEADER];
    if (reason !== undefined) throw (call.refused ?? ((why) => untrustworthy(id, why)))(String(reason));
    throw refusal(id, await collect(id, stream, GUEST_LIMITS.jsonBytes));
  } catch (error) {
    done.stop();
    stream.close(constants.NGHTTP2_CANCEL);
    throw done.reason() ?? asUnreachable(id, error);
  }
};

/** Writes the pieces of a body at the pace at which the guest reads them. An error in them ends the call. */
const feed = (
  stream: ClientHttp2Stream,
  body: AsyncIterable<Uint8Array>,
  end: (why: BerthError) => void,
): void => {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      end(isBerthError(error) ? error : fail('work.cancelled', { reason: 'the caller gave up' }));
      throw error;
    }
  };
  // If the guest stops reading, its response gives the reason.
  pipeline(pieces, stream).catch(() => undefined);
};

const response = (stream: ClientHttp2Stream): Promise<Record<string, unknown>> => {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  stream.once('response', resolve).once('error', reject);
  stream.once('close', () => reject(new RangeError('the guest broke off')));
  return promise;
};

/** Ends the stream on timeout or when its caller aborts; then `reason` says which. */
const limit = (id: string, stream: ClientHttp2Stream, { timeoutMs = CALL_MS, signal, path }: GuestCall) => {
  let reason: BerthError | undefined;
  const end = (why: BerthError): void => {
    reason ??= why;
    stream.destroy();
  };
  const aborted = (): void => end(fail('work.cancelled', { reason: 'the caller gave up' }));
  const timer = setTimeout(
    () => end(untrustworthy(id, `no answer to ${path} in ${timeoutMs} ms`)),
    timeoutMs,
  );
  if (signal?.aborted === true) aborted();
  signal?.addEventListener('abort', aborted, { once: true });
  return {
    reason: () => reason,
    end,
    stop: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    },
  };
};

const collect = async (id: string, stream: ClientHttp2Stream, maxBytes: number): Promise<Buffer> => {
  const answer = createGrowingBytes();
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (answer.sizeBytes + chunk.length > maxBytes)
      throw untrustworthy(id, `the guest answered more than ${maxBytes} bytes`);
    answer.push(chunk);
  }
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw unreachable(id, 'the answer was broken off');
  return answer.view();
};

/** Validates JSON sent by a guest. */
export const parseJson = <S extends z.ZodType>(id: string, bytes: Uint8Array, schema: S): z.output<S> => {
  let value: unknown;
  try {
    value = parseWithin(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw untrustworthy(id, error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw untrustworthy(
    id,
    `the guest's answer has the wrong form at ${parsed.error.issues[0]?.path.join('.')}`,
  );
};

const refusal = (id: string, bytes: Buffer): BerthError => {
  const { code, data } = parseJson(id, bytes, GuestRefusal);
  switch (code) {
    case 'exec.missing':
      return fail(code, { id: printable(data.id) });
    case 'exec.not_startable':
      return fail(code, { command: printable(data.command), reason: printable(data.reason) });
    case 'file.refused':
      return fail(code, { path: data.path, reason: printable(data.reason) });
    case 'file.missing':
    case 'disk.full':
      return fail(code, data);
    case 'request.invalid':
      return fail(code, data);
  }
};

const asUnreachable = (id: string, error: unknown): BerthError =>
  isBerthError(error) ? error : unreachable(id, error);
