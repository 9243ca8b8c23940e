/**
 * A stream that outlives its connections. When the connection ends, is silent for longer than the heartbeat allows,
 * or the server sends `lagged`, it is reopened after the last message. Only a refusal by the server, an abort, or a
 * server that stays unreachable ends it.
 */
import { fail, isBerthError, KINDS, type RouteShape } from '@berth/contract';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { type Connection, errorOf, type Input, prepare, send } from './request.ts';
import { positionIn, type StreamPosition } from './stream-position.ts';

/** The server sends a comment every 15 s. */
const SILENCE_MS = 45_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** A server unreachable for this long ends the stream. */
const GIVE_UP_MS = 60_000;
const MAX_MESSAGE_CHARS = 8 * 2 ** 20;

export interface StreamOrder {
  readonly connection: Connection;
  readonly route: RouteShape;
  readonly input: Input;
  readonly signal?: AbortSignal | undefined;
  readonly silenceMs?: number;
  readonly giveUpMs?: number;
}

export async function* followStream(order: StreamOrder): AsyncGenerator<unknown, void, undefined> {
  const place = positionIn(order.route.id);
  const patience = createPatience(order.giveUpMs ?? GIVE_UP_MS);
  for (;;) {
    try {
      for await (const message of connect(order, place, patience)) {
        // A failure after the stream was opened arrives as a message.
        if (message.event === 'error') throw errorOf(order.connection, KINDS.internal.status, message.data);
        const step = place.pass(message);
        if (step === 'reopen') break;
        yield JSON.parse(message.data);
        if (step === 'end') return;
      }
    } catch (error) {
      order.signal?.throwIfAborted();
      patience.check(error);
    }
    await sleep(patience.nextWaitMs(), order.signal);
  }
}

const LOST = ['server.unreachable', 'server.silent'];

type Patience = ReturnType<typeof createPatience>;

/** How long to retry: for a while after the last connection broke, not at all before the first one. */
const createPatience = (giveUpMs: number) => {
  let wait = FIRST_WAIT_MS;
  let hasConnected = false;
  let failingSince: number | undefined;
  return {
    connected: () => {
      hasConnected = true;
    },
    /** Only heartbeats count: a server that merely accepts connections is not alive. */
    heard: () => {
      [wait, failingSince] = [FIRST_WAIT_MS, undefined];
    },
    check: (error: unknown) => {
      failingSince ??= Date.now();
      const isLost = isBerthError(error) && LOST.includes(error.code);
      if (!isLost || !hasConnected || Date.now() - failingSince > giveUpMs) throw error;
    },
    nextWaitMs: () => {
      const now = wait;
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      return now;
    },
  };
};

/** The messages of one connection; returns when the server ends it and throws `server.unreachable` when it breaks. */
async function* connect(
  order: StreamOrder,
  place: StreamPosition,
  patience: Patience,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const { connection, route, input, signal } = order;
  const silence = new AbortController();
  const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  const request = prepare(connection, route, { ...input, ...place.query() });
  const headers = { accept: 'text/event-stream', ...place.headers() };
  const { body } = await send(connection, request, { signal: either, headers });
  patience.connected();
  if (body === null) return;
  try {
    const silenceMs = order.silenceMs ?? SILENCE_MS;
    yield* messagesOf(body, { heard: patience.heard, silent: () => silence.abort(), silenceMs });
  } catch (cause) {
    signal?.throwIfAborted();
    const silentMs = order.silenceMs ?? SILENCE_MS;
    if (silence.signal.aborted)
      throw fail('server.silent', { address: connection.address, silentMs }, { cause });
    const detail = String(cause);
    throw fail('server.unreachable', { address: connection.address, detail }, { cause });
  } finally {
    silence.abort();
  }
}

interface Ear {
  readonly heard: () => void;
  readonly silent: () => void;
  readonly silenceMs: number;
}

async function* messagesOf(body: ReadableStream<Uint8Array>, { heard, silent, silenceMs }: Ear) {
  let timer = setTimeout(silent, silenceMs);
  const alive = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (chunk, controller) => {
      clearTimeout(timer);
      timer = setTimeout(silent, silenceMs);
      heard();
      controller.enqueue(chunk);
    },
  });
  try {
    yield* body
      .pipeThrough(alive)
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream({ maxBufferSize: MAX_MESSAGE_CHARS }));
  } finally {
    clearTimeout(timer);
  }
}

const sleep = (ms: number, signal: AbortSignal | undefined) =>
  new Promise<void>((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
