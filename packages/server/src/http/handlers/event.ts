import { type Event, fail } from '@berth/contract';
import type { EventQuery, ReadTx, Store } from '@berth/core';
import type { EventFeed } from '../event-feed.ts';
import type { HandlersOf } from '../handler-types.ts';

const PAGE_EVENTS = 200;
const EVENTS_AT_ONCE = 20;
const PAGE_CHARACTERS = 8 * 2 ** 20;

export const eventHandlers = (store: Store, feed: EventFeed): HandlersOf<'event'> => ({
  'event.list': ({ query: { afterSeq = 0, limit = PAGE_EVENTS, ...filter } }) =>
    store.read(async (tx) => ({
      rows: await pageOfEvents(tx, { afterSeq, limit, ...filter }),
      firstSeq: await tx.firstSeq(),
      lastSeq: await tx.lastSeq(),
    })),
  // A reconnecting reader sends its position in the header, which is newer than the one in the URL.
  'event.stream': async ({ query: { afterSeq, ...filter }, lastEventId }) =>
    feed.follow(filter, lastEventId === undefined ? afterSeq : cursorOf(lastEventId)),
});

/**
 * Up to the limit, or to the size limit of a response; there is more when the last one is not the last of the log.
 */
const pageOfEvents = async (tx: ReadTx, query: EventQuery): Promise<Event[]> => {
  const rows: Event[] = [];
  let characters = 0;
  let { afterSeq } = query;
  while (rows.length < query.limit && characters < PAGE_CHARACTERS) {
    const limit = Math.min(EVENTS_AT_ONCE, query.limit - rows.length);
    const some = await tx.events({ ...query, afterSeq, limit });
    rows.push(...some);
    characters += JSON.stringify(some).length;
    afterSeq = some.at(-1)?.seq ?? afterSeq;
    if (some.length < limit) break;
  }
  return rows;
};

const cursorOf = (lastEventId: string): number => {
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  const message = 'must be a sequence number';
  throw fail('request.invalid', { issues: [{ path: 'headers.last-event-id', message }] });
};
