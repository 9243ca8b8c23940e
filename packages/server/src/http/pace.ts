/**
 * The pace that a client has to keep with a request and its answer. A limit on the whole time would end honest uploads
 * whenever many share the machine, so what is limited is the time for which this side waits for the client: at a stretch,
 * and in total by what the client moved meanwhile. A client that waits for us has all the time that we need.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerNotHttp } from './not-http.ts';

export interface Pace {
  /** Without a byte, while one is waited for. */
  readonly idleMs: number;
  /** What every client may be waited for in total, beside the time for its bytes. */
  readonly graceMs: number;
  readonly bytesPerSecond: number;
}

const PACE: Pace = { idleMs: 30_000, graceMs: 60_000, bytesPerSecond: 65_536 };
const LOOKS_PER_IDLE = 10;

/** Of one door; in place of Node's own limit of a request, which is of its whole time. */
export const keepPace = (server: Server, pace: Pace = PACE): void => {
  const exchanges = new Set<Exchange>();
  server.requestTimeout = 0;
  server.on('request', (request, response) => {
    const exchange = createExchange(request, response, pace);
    exchanges.add(exchange);
    const over = (): void => {
      if (exchange.isOver()) exchanges.delete(exchange);
    };
    request.once('close', over);
    response.once('close', over);
  });
  const timer = setInterval(() => {
    for (const exchange of exchanges) {
      exchange.look();
      if (exchange.isOver()) exchanges.delete(exchange);
    }
  }, pace.idleMs / LOOKS_PER_IDLE);
  timer.unref();
  server.once('close', () => clearInterval(timer));
};

interface Exchange {
  /** Ends it when its client is too slow. */
  look(): void;
  isOver(): boolean;
}

const createExchange = (request: IncomingMessage, response: ServerResponse, pace: Pace): Exchange => {
  const { socket } = request;
  const gives = createMeter(pace, socket.bytesRead);
  const takes = createMeter(pace, sentBytes(socket));
  let isRefused = false;
  const isAnswered = (): boolean => response.writableFinished || response.destroyed;
  return {
    isOver: () => socket.destroyed || (request.complete && isAnswered()),
    look: () => {
      if (isRefused) return;
      const isSlow = gives.isSlow({
        // What comes after the answer is read by nobody and earns no time.
        bytes: isAnswered() ? 0 : socket.bytesRead,
        // What it sent and nobody has taken yet is waited for by the client.
        isAwaited: !request.complete && request.readableLength < request.readableHighWaterMark,
      });
      isRefused = isSlow && !response.headersSent;
      if (isRefused) return refuse(socket);
      const isTakenSlowly = takes.isSlow({
        bytes: sentBytes(socket),
        isAwaited: response.writableLength > 0,
        // Events go on for ever: such a reader is let go when it is behind, not when it is slow.
        isEndless: isEvents(response),
        heldBytes: response.writableLength,
      });
      if (isSlow || isTakenSlowly) socket.destroy();
    },
  };
};

const sentBytes = ({ bytesWritten, writableLength }: Socket): number => bytesWritten - writableLength;

const isEvents = (response: ServerResponse): boolean =>
  String(response.getHeader('content-type')).startsWith('text/event-stream');

const refuse = (socket: Socket): void =>
  answerNotHttp(Object.assign(new RangeError('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);

interface Look {
  /** Moved so far. */
  readonly bytes: number;
  /** By us, now. */
  readonly isAwaited: boolean;
  readonly isEndless?: boolean;
  /** Seen to move only when all of it has. */
  readonly heldBytes?: number;
}

const createMeter = ({ idleMs, graceMs, bytesPerSecond }: Pace, beginBytes: number) => {
  let [seenBytes, seenAt] = [beginBytes, performance.now()];
  let [idle, awaited] = [0, 0];
  return {
    isSlow: ({ bytes, isAwaited, isEndless = false, heldBytes = 0 }: Look): boolean => {
      const now = performance.now();
      const passedMs = isAwaited ? now - seenAt : 0;
      seenAt = now;
      idle = isAwaited && bytes === seenBytes ? idle + passedMs : 0;
      awaited += passedMs;
      seenBytes = bytes;
      const earnedMs = (1000 * Math.max(0, bytes - beginBytes)) / bytesPerSecond;
      const heldMs = (1000 * heldBytes) / bytesPerSecond;
      return idle > idleMs + heldMs || (!isEndless && awaited > graceMs + earnedMs + heldMs);
    },
  };
};
