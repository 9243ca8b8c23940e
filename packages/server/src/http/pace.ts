/**
 * The minimum pace of a client for a request and its response. A total timeout would abort honest uploads on a loaded
 * machine, so the limit applies to the time this side waits for the client: per wait, and in total relative to the
 * bytes moved. Time that the client waits for us does not count.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerNotHttp } from './not-http.ts';

export interface Pace {
  /** Without a byte, while waiting for one. */
  readonly idleMs: number;
  /** Total allowance per client, in addition to the time for its bytes. */
  readonly graceMs: number;
  readonly bytesPerSecond: number;
}

const PACE: Pace = { idleMs: 30_000, graceMs: 60_000, bytesPerSecond: 65_536 };
const LOOKS_PER_IDLE = 10;

/** Per listener; replaces Node's own request timeout, which limits the total time. */
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
  /** Cuts off a client that is too slow. */
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
        // Bytes after the response are not read and earn no time.
        bytes: isAnswered() ? 0 : socket.bytesRead,
        // While received bytes are unread, the client is waiting for us.
        isAwaited: !request.complete && request.readableLength < request.readableHighWaterMark,
      });
      isRefused = isSlow && !response.headersSent;
      if (isRefused) return refuse(socket);
      const isTakenSlowly = takes.isSlow({
        bytes: sentBytes(socket),
        isAwaited: response.writableLength > 0,
        // Event streams never end: such a reader is dropped when it lags, not when it is slow.
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
  /** Bytes moved so far. */
  readonly bytes: number;
  /** Currently waiting, on our side. */
  readonly isAwaited: boolean;
  readonly isEndless?: boolean;
  /** Progress is visible only when all of it has been sent. */
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
