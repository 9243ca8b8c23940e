/**
 * The uplink. A connection opened by the server on which the guest is the client. The newest one is used; while there
 * is none (the server restarts), requests wait briefly.
 */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { GUEST_LIMITS, INTERNAL_AUTHORITY } from '@berth/contract/guest';

type Headers = Record<string, string | string[] | undefined>;

export interface Uplink {
  /** Takes over a connection after its preface. */
  adopt(socket: Socket): Promise<void>;
  /** A new request to the server, or undefined when no uplink came in time. */
  request(headers: Headers): Promise<ClientHttp2Stream | undefined>;
}

export const createUplink = (): Uplink => {
  let newest: ClientHttp2Session | undefined;
  const waiting = new Set<() => void>();

  const usable = async (): Promise<ClientHttp2Session | undefined> => {
    if (newest !== undefined) return newest;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GUEST_LIMITS.uplinkWaitMs);
    waiting.add(resolve);
    await promise;
    clearTimeout(timer);
    waiting.delete(resolve);
    return newest;
  };

  return {
    adopt: async (socket) => {
      const { connect } = process.getBuiltinModule('node:http2');
      const session = connect(`http://${INTERNAL_AUTHORITY}`, {
        createConnection: () => socket,
        maxSessionMemory: SESSION_MEMORY_MIB,
        settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
      });
      const forget = (): void => {
        if (newest === session) newest = undefined;
      };
      session.on('error', forget);
      session.on('goaway', forget);
      session.on('close', forget);
      session.once('connect', () => {
        if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
      });
      // The older one closes after its last request; running requests are not interrupted.
      newest?.close();
      newest = session;
      for (const wake of waiting) wake();
    },
    request: async (headers) => {
      const session = await usable();
      return session === undefined || session.destroyed || session.closed
        ? undefined
        : session.request(headers, { endStream: false });
    },
  };
};

const SESSION_MEMORY_MIB = 128;
/**
 * Per stream. Responses that a program requested and does not read are buffered here, in memory that commands must
 * not be able to fill.
 */
const STREAM_WINDOW_BYTES = 256 * 2 ** 10;
const WINDOW_BYTES = 4 * 2 ** 20;
