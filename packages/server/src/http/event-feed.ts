/**
 * Fans the event log out to many readers. Each event is serialised once and its bytes are shared; events committed
 * within one turn of the event loop go out in one write per reader. A reader first reads the log from its cursor;
 * events published meanwhile are buffered (`recent`), so it joins the live readers without gap or duplicate. A reader
 * that is too slow, or requests events no longer kept or not yet written, gets a `lagged` notice with the position to
 * resume from, and is disconnected.
 */
import type { Event } from '@berth/contract';
import { type EventQuery, matchesType, type Store } from '@berth/core';
import type { SseClient, SseProgram } from './handler-types.ts';
import { sseText } from './sse.ts';

const PAGE_EVENTS = 100;
/** Published events buffered for readers about to join. */
const RECENT_EVENTS = 4096;
const RECENT_BYTES = 16 * 2 ** 20;
/** Beyond this much pending output a live reader counts as too slow. */
const LAG_BYTES = 1_048_576;

type EventFilter = Pick<EventQuery, 'subject' | 'type'>;

export interface EventFeed {
  /** Follows events after a sequence number; from now on when absent. */
  follow(filter: EventFilter, afterSeq: number | undefined): SseProgram;
  readers(): number;
  close(): void;
}

interface Reader {
  readonly filter: EventFilter;
  readonly client: SseClient;
  /** Everything up to here was sent or filtered out. */
  cursor: number;
  /** False while it is catching up. */
  isLive: boolean;
}

interface Printed {
  readonly event: Event;
  readonly text: Buffer;
}

export const createEventFeed = (store: Store): EventFeed => {
  const readers = new Set<Reader>();
  let fresh: Event[] = [];
  let recent: Printed[] = [];

  const publish = (): void => {
    const batch = fresh.map((event): Printed => ({ event, text: sseText(event, event.seq) }));
    fresh = [];
    recent = readers.size === 0 ? [] : newestOf([...recent, ...batch]);
    const whole = Buffer.concat(batch.map(({ text }) => text));
    for (const reader of readers) if (reader.isLive) deliver(reader, batch, whole);
  };
  const unsubscribe = store.notices.subscribe(({ events }) => {
    if (events.length === 0 || readers.size === 0) return;
    if (fresh.length === 0) setImmediate(publish);
    fresh.push(...events);
  });
  /** False when events between the reader's cursor and the buffer are missing. */
  const join = (reader: Reader): boolean => {
    const oldest = recent[0]?.event.seq ?? 0;
    if (oldest > reader.cursor + 1) return false;
    deliver(reader, recent);
    reader.isLive = true;
    return true;
  };

  return {
    follow: (filter, afterSeq) => async (client) => {
      const start = afterSeq ?? (await store.read((tx) => tx.lastSeq()));
      const reader: Reader = { filter, client, cursor: start, isLive: false };
      readers.add(reader);
      try {
        do await replay(store, reader);
        while (!client.signal.aborted && !join(reader));
        await ended(client.signal);
      } finally {
        readers.delete(reader);
      }
    },
    readers: () => readers.size,
    close() {
      unsubscribe();
      for (const reader of readers) reader.client.end();
    },
  };
};

const newestOf = (printed: readonly Printed[]): Printed[] => {
  let bytes = 0;
  const kept = printed.findLastIndex(({ text }) => {
    bytes += text.length;
    return bytes > RECENT_BYTES;
  });
  return printed.slice(Math.max(kept + 1, printed.length - RECENT_EVENTS));
};

/** Reads the log to its end, at the client's pace. */
const replay = async (store: Store, reader: Reader): Promise<void> => {
  const { client, filter } = reader;
  for (let isFull = true; isFull && !client.signal.aborted; ) {
    await client.drained();
    const { events, firstSeq, lastSeq } = await store.read(async (tx) => ({
      events: await tx.events({ ...filter, afterSeq: reader.cursor, limit: PAGE_EVENTS }),
      firstSeq: await tx.firstSeq(),
      lastSeq: await tx.lastSeq(),
    }));
    if (reader.cursor + 1 < firstSeq) return letGo(reader, firstSeq - 1);
    // A cursor of another installation, or from before a restore: nothing would match for a long time.
    if (reader.cursor > lastSeq) return letGo(reader, lastSeq);
    if (events.length > 0) client.send(Buffer.concat(events.map((event) => sseText(event, event.seq))));
    isFull = events.length === PAGE_EVENTS;
    reader.cursor = isFull ? (events.at(-1)?.seq ?? reader.cursor) : Math.max(reader.cursor, lastSeq);
  }
};

const letGo = ({ client }: Reader, resumeAfter: number): void => {
  client.send(sseText({ lagged: true, resumeAfter }));
  client.end();
};

/** `whole` is the text of the entire batch, when available. */
const deliver = (reader: Reader, batch: readonly Printed[], whole?: Buffer): void => {
  if (reader.client.waitingBytes() > LAG_BYTES) {
    letGo(reader, reader.cursor);
    return;
  }
  const wanted = batch.filter(({ event }) => event.seq > reader.cursor && passes(event, reader.filter));
  if (whole !== undefined && wanted.length === batch.length) reader.client.send(whole);
  else if (wanted.length > 0) reader.client.send(Buffer.concat(wanted.map(({ text }) => text)));
  reader.cursor = Math.max(reader.cursor, batch.at(-1)?.event.seq ?? 0);
};

const passes = (event: Event, { subject, type }: EventFilter): boolean =>
  (subject === undefined || event.subject === subject) && matchesType(event.type, type);

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
