/** A WebSocket as a handler sees it: frames in as an iterable, frames out with back pressure, both bounded. */
import { isBerthError } from '@berth/contract';
import type { WebSocket } from '@fastify/websocket';
import type { ClientSocket } from './handler-types.ts';

export const MAX_FRAME_BYTES = 262_144;
const MAX_WAITING_FRAMES = 1024;
/** Past this much untaken output `send` waits. */
const PAUSE_BYTES = 1_048_576;
const POLL_MS = 20;

const CLOSE = { done: 1000, leaving: 1001, tooMuch: 1009, failed: 1011 } as const;

/** Runs the conversation to its end. `over` ends it from our side. */
export const converse = async (
  socket: WebSocket,
  talk: (client: ClientSocket) => Promise<void>,
  over: AbortSignal,
): Promise<void> => {
  const leave = () => socket.close(CLOSE.leaving, 'the server ends this connection');
  over.addEventListener('abort', leave, { once: true });
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
    socket.send(data);
    while (socket.bufferedAmount > PAUSE_BYTES && socket.readyState === socket.OPEN) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  },
  close: (code, reason) => socket.close(code, reason),
});

/** Listening starts at once, so that no frame is lost before the handler asks for the first. */
const framesOf = (socket: WebSocket): AsyncIterable<Uint8Array | string> => {
  const waiting: (Uint8Array | string)[] = [];
  let wake = (): void => undefined;
  let isOpen = true;
  socket.on('message', (data, isBinary) => {
    const bytes = Buffer.isBuffer(data)
      ? data
      : Buffer.concat([data].flat().map((part) => Buffer.from(part as Buffer)));
    waiting.push(isBinary ? bytes : bytes.toString('utf8'));
    if (waiting.length > MAX_WAITING_FRAMES) socket.close(CLOSE.tooMuch, 'too many frames wait');
    wake();
  });
  socket.on('close', () => {
    isOpen = false;
    wake();
  });
  // The close that follows an error says what there is to say.
  socket.on('error', () => wake());
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const frame = waiting.shift();
        if (frame !== undefined) yield frame;
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
