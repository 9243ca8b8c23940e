/**
 * A stream that outlives its connections. Messages are read one by one; when the connection ends, is silent for longer
 * than the heartbeat allows, or the server says `lagged`, it is opened again at the place after the last message. Only
 * a refusal by the server, an abort, or a server that stays away ends it.
 */
import { fail, isBerthError, KINDS, type RouteShape } from '@berth/contract';
import { type EventSourceMessage, EventSourceParserStream } from 'eventsource-parser/stream';
import { type Connection, errorOf, type Input, prepare, send } from './request.ts';
import { type Place, placeFor } from './stream-place.ts';

/** The server sends a comment every 15 s. */
const SILENCE_MS = 45_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 10_000;
/** A server that cannot be reached for this long ends the stream. */
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
  const place = placeFor(order.route.id);
  const patience = createPatience(order.giveUpMs ?? GIVE_UP_MS);
  for (;;) {
    try {
      for await (const message of connect(order, place, patience.connected)) {
        // A failure after the stream was opened comes as a message of its own.
        if (message.event === 'error') throw errorOf(KINDS.internal.status, message.data);
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

/** How long to go on trying: for a while after the last connection broke, not at all before the first one. */
const createPatience = (giveUpMs: number) => {
  let wait = FIRST_WAIT_MS;
  let hasConnected = false;
  let failingSince: number | undefined;
  return {
    connected: () => {
      [wait, hasConnected, failingSince] = [FIRST_WAIT_MS, true, undefined];
    },
    check: (error: unknown) => {
      failingSince ??= Date.now();
      const isLost = isBerthError(error) && error.code === 'server.unreachable';
      if (!isLost || !hasConnected || Date.now() - failingSince > giveUpMs) throw error;
    },
    nextWaitMs: () => {
      const now = wait;
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      return now;
    },
  };
};

/** The messages of one connection; it ends when the server ends it and throws `server.unreachable` when it breaks. */
async function* connect(
  order: StreamOrder,
  place: Place,
  onOpen: () => void,
): AsyncGenerator<EventSourceMessage, void, undefined> {
  const { connection, route, input, signal } = order;
  const silence = new AbortController();
  const either = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  const request = prepare(connection, route, { ...input, ...place.query() });
  const headers = { accept: 'text/event-stream', ...place.headers() };
  const { body } = await send(connection, request, { signal: either, headers });
  onOpen();
  if (body === null) return;
  try {
    yield* messagesOf(body, () => silence.abort(), order.silenceMs ?? SILENCE_MS);
  } catch (cause) {
    signal?.throwIfAborted();
    const detail = silence.signal.aborted ? 'it fell silent' : String(cause);
    throw fail('server.unreachable', { address: connection.address, detail }, { cause });
  } finally {
    silence.abort();
  }
}

async function* messagesOf(body: ReadableStream<Uint8Array>, onSilence: () => void, silenceMs: number) {
  let timer = setTimeout(onSilence, silenceMs);
  const alive = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform: (chunk, controller) => {
      clearTimeout(timer);
      timer = setTimeout(onSilence, silenceMs);
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
