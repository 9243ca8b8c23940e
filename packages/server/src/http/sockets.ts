/**
 * A WebSocket as a handler sees it: frames in as an iterable, frames out with backpressure, both bounded. Frames the
 * handler has not consumed stay with the client, because the connection is not read meanwhile; a client that reads
 * nothing for a while is cut off.
 */
import { isBerthError } from '@berth/contract';
import type { WebSocket } from '@fastify/websocket';
import type { ClientSocket } from './handler-types.ts';

export const MAX_FRAME_BYTES = 262_144;
/** Beyond this much unconsumed input reading stops; beyond this much pending output `send` waits. */
const PAUSE_BYTES = 1_048_576;
/** Overhead of a frame in addition to its bytes. */
const FRAME_COST_BYTES = 256;
/** A client that reads none of its pending output is cut off after this time. */
const LAG_MS = 60_000;

const CLOSE = { done: 1000, leaving: 1001, failed: 1011, lagged: 1013 } as const;

/** Runs the socket to its end. `over` ends it from our side. */
export const serveSocket = async (
  socket: WebSocket,
  talk: (client: ClientSocket) => Promise<void>,
  over: AbortSignal,
): Promise<void> => {
  const leave = () => {
    // Nothing more gets in, even from a client that does not answer the close.
    socket.removeAllListeners('message');
    socket.close(CLOSE.leaving, 'the server is closing this connection');
  };
  if (over.aborted) leave();
  over.addEventListener('abort', leave, { once: true });
  cutWhenSilent(socket);
  try {
    await talk(clientOf(socket));
    socket.close(CLOSE.done, 'done');
  } catch (error) {
    socket.close(CLOSE.failed, isBerthError(error) ? error.code : 'server.failed');
  } finally {
    over.removeEventListener('abort', leave);
  }
};

const clientOf = (socket: WebSocket): ClientSocket => ({
  incoming: framesOf(socket),
  async send(data) {
    if (socket.readyState !== socket.OPEN) return;
    const taken = new Promise<void>((resolve) => socket.send(data, () => resolve()));
    if (socket.bufferedAmount > PAUSE_BYTES) await takenInTime(socket, taken);
  },
  close: (code, reason) => socket.close(code, reason),
  closed: new Promise((resolve) => socket.once('close', () => resolve())),
});

/** Resolves with the client, or when it has disconnected. */
const takenInTime = async (socket: WebSocket, taken: Promise<void>): Promise<void> => {
  const timer = setTimeout(() => {
    socket.close(CLOSE.lagged, 'lagged');
    // The client would have to read the pending output before it gets that.
    socket.terminate();
  }, LAG_MS);
  await taken;
  clearTimeout(timer);
};

/** Listening starts immediately, so that no frame is lost before the handler reads the first. */
const framesOf = (socket: WebSocket): AsyncIterable<Uint8Array | string> => {
  const waiting: (Uint8Array | string)[] = [];
  let waitingBytes = 0;
  let wake = (): void => undefined;
  let isOpen = true;
  socket.on('message', (data, isBinary) => {
    const bytes = Buffer.isBuffer(data)
      ? data
      : Buffer.concat([data].flat().map((part) => Buffer.from(part as Buffer)));
    waiting.push(isBinary ? bytes : bytes.toString('utf8'));
    waitingBytes += bytes.length + FRAME_COST_BYTES;
    if (waitingBytes > PAUSE_BYTES) socket.pause();
    wake();
  });
  socket.on('close', () => {
    isOpen = false;
    wake();
  });
  // The close event that follows carries the reason.
  socket.on('error', () => wake());
  /** All pending frames, so that taking one does not move the others. */
  const takeAll = (): readonly (Uint8Array | string)[] => {
    waitingBytes = 0;
    if (socket.isPaused) socket.resume();
    return waiting.splice(0);
  };
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        if (waiting.length > 0) yield* takeAll();
        else if (!isOpen) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
};

/** The required part of a WebSocket. */
interface Pinged {
  /** Nothing is read from it, pongs included. */
  readonly isPaused: boolean;
  on(event: 'pong' | 'close', listener: () => void): unknown;
  ping(): void;
  terminate(): void;
}

const PING_MS = 15_000;

/** Detects a WebSocket client that vanished silently: it is pinged, and cut off when it does not answer. */
export const cutWhenSilent = (socket: Pinged, intervalMs = PING_MS): void => {
  let isAnswered = true;
  const timer = setInterval(() => {
    if (!isAnswered) return socket.terminate();
    // While reading is paused pongs are not expected; a dead peer surfaces as an error when the ping is sent.
    isAnswered = socket.isPaused;
    socket.ping();
  }, intervalMs);
  timer.unref();
  socket.on('pong', () => {
    isAnswered = true;
  });
  socket.on('close', () => clearInterval(timer));
};
