/**
 * The server side of a sandbox's uplink: an HTTP/2 server on a connection to the guest. It knows nothing about
 * policies: the gateway's handler decides about every request.
 */
import {
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isBerthError } from '@berth/contract';
import { GUEST_LIMITS, REASON_HEADER } from '@berth/contract/guest';
import { keepAlive } from './liveness.ts';
import { dropBytesOfEnded, introduce, printable } from './preface.ts';

export interface ConnectTarget {
  readonly host: string;
  readonly port: number;
  readonly sandboxId: string;
}

/** What the gateway implements. Both are called on behalf of a machine that an agent controls. */
export interface UplinkHandler {
  /** `CONNECT host:port`. Call exactly one of `accept` and `refuse` once the decision is made. */
  onConnect(
    target: ConnectTarget,
    accept: () => Duplex,
    refuse: (status: number, message: string) => void,
  ): void;
  /** Everything else. `request.authority` is `berth.internal`, or the host of an absolute URL sent to the proxy. */
  onRequest(request: Http2ServerRequest, response: Http2ServerResponse, sandboxId: string): void;
}

export interface UplinkParts {
  readonly sandboxId: string;
  readonly handler: UplinkHandler;
}

export interface AttachedUplink {
  /** Resolves when the connection has closed. Never rejects. */
  readonly closed: Promise<void>;
  close(): void;
}

/**
 * Rejects with `sandbox.unreachable` if the guest does not accept it, `sandbox.outdated` if the guest is of another
 * version.
 */
export const attachUplink = async (
  duplex: Duplex,
  { sandboxId, handler }: UplinkParts,
): Promise<AttachedUplink> => {
  const server = createServer({
    maxHeaderListPairs: GUEST_LIMITS.headerPairs * 2,
    maxSessionMemory: SESSION_MEMORY_MIB,
    streamResetBurst: RESETS_AT_ONCE,
    streamResetRate: RESETS_A_SECOND,
    settings: {
      initialWindowSize: STREAM_WINDOW_BYTES,
      maxConcurrentStreams: 2 * GUEST_LIMITS.outwardConnections,
      maxHeaderListSize: 4 * GUEST_LIMITS.headerBytes,
    },
  });
  server.on('sessionError', () => duplex.destroy());
  server.on('stream', limitIdle);
  server.on('request', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    handler.onRequest(request, response, sandboxId);
  });
  server.on('connect', (request: Http2ServerRequest) => decide(request, sandboxId, handler));
  const opened = Promise.withResolvers<ServerHttp2Session>();
  let made: ServerHttp2Session | undefined;
  server.once('session', (session) => {
    made = session;
    opened.resolve(session);
  });

  await introduce(duplex, 'uplink', sandboxId);
  const closed = Promise.withResolvers<void>();
  duplex.once('close', closed.resolve);
  dropBytesOfEnded(duplex, () => made?.destroyed !== false);
  server.emit('connection', duplex);
  const session = await opened.promise;
  session.setLocalWindowSize(WINDOW_BYTES);
  session.once('close', closed.resolve);
  keepAlive(session);
  return {
    closed: closed.promise,
    close: () => {
      session.destroy();
      duplex.destroy();
    },
  };
};

/**
 * How much the guest may send on one stream before somebody reads it. Node reads a connection's bytes as they arrive,
 * so this, times the streams, is what a guest can make the server hold.
 */
const STREAM_WINDOW_BYTES = 128 * 2 ** 10;
const WINDOW_BYTES = 4 * 2 ** 20;
const SESSION_MEMORY_MIB = 128;
/** Limits on streams that the guest opens and resets: how many at once, and how many per second. */
const RESETS_AT_ONCE = 2000;
const RESETS_A_SECOND = 200;

const limitIdle = (stream: ServerHttp2Stream): void => {
  stream.setTimeout(GUEST_LIMITS.tunnelIdleMs, () => stream.close());
  // Whoever reads or writes the stream sees the error; here it only must not be fatal.
  stream.on('error', () => undefined);
};

const decide = (request: Http2ServerRequest, sandboxId: string, handler: UplinkHandler): void => {
  const { stream } = request;
  const refuse = (status: number, message: string): void => {
    if (stream.destroyed || stream.headersSent) return;
    stream.respond({ ':status': status, [REASON_HEADER]: printable(message) }, { endStream: true });
  };
  const accept = (): Duplex => {
    if (!stream.destroyed) stream.respond({ ':status': 200 });
    return stream;
  };
  const target = parseAuthority(request.authority);
  if (target === undefined) refuse(400, 'expected host:port');
  else handler.onConnect({ ...target, sandboxId }, accept, refuse);
};

/** `host:port` or `[v6]:port`; the host is lower case and without brackets. */
export const parseAuthority = (authority: string): { host: string; port: number } | undefined => {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253})):(\d{1,5})$/i.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host: host.toLowerCase(), port };
};

export interface KeptUplinkParts extends UplinkParts {
  readonly connect: () => Promise<Duplex>;
  readonly log?: ((message: string, facts: Record<string, unknown>) => void) | undefined;
}

export interface KeptUplink {
  close(): void;
  /** Resolves after `close`, once nothing dials any more. */
  readonly ended: Promise<void>;
}

/**
 * Keeps an uplink open until `close`: when one breaks, it opens the next. After `close` it dials no more, and
 * destroys a connection that was just being made, whatever the guest does.
 */
export const keepUplink = ({ connect, log, ...parts }: KeptUplinkParts): KeptUplink => {
  const end = new AbortController();
  const hold = async (): Promise<void> => {
    const duplex = await connect();
    const hangUp = (): void => void duplex.destroy();
    if (end.signal.aborted) return hangUp();
    end.signal.addEventListener('abort', hangUp, { once: true });
    try {
      const { closed } = await attachUplink(duplex, parts);
      failures = 0;
      await closed;
    } finally {
      end.signal.removeEventListener('abort', hangUp);
      hangUp();
    }
  };
  let failures = 0;
  const keep = async (): Promise<void> => {
    while (!end.signal.aborted) {
      await hold().catch((error: unknown) => {
        failures += 1;
        if (!end.signal.aborted) log?.('uplink failed', { sandbox: parts.sandboxId, failures, error });
        // A guest of another version stays that way; retrying is pointless.
        if (isBerthError(error) && error.code === 'sandbox.outdated') end.abort();
      });
      await pause(Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** failures), end.signal);
    }
  };
  return { close: () => end.abort(), ended: keep() };
};

const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5_000;

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
