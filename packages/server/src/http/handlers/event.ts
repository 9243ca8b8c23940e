import { fail } from '@berth/contract';
import type { Store } from '@berth/core';
import type { EventFeed } from '../event-feed.ts';
import type { HandlersOf } from '../handler-types.ts';

const PAGE_EVENTS = 200;

export const eventHandlers = (store: Store, feed: EventFeed): HandlersOf<'event'> => ({
  'event.list': ({ query: { afterSeq = 0, limit = PAGE_EVENTS, ...filter } }) =>
    store.read(async (tx) => ({
      rows: await tx.events({ afterSeq, limit, ...filter }),
      firstSeq: await tx.firstSeq(),
      lastSeq: await tx.lastSeq(),
    })),
  // A reader that comes back says where it was in the header; that is newer than the address it was started with.
  'event.stream': async ({ query: { afterSeq, ...filter }, lastEventId }) =>
    feed.follow(filter, lastEventId === undefined ? afterSeq : cursorOf(lastEventId)),
});

const cursorOf = (lastEventId: string): number => {
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId);
  const message = 'expected a sequence number';
  throw fail('request.invalid', { issues: [{ path: 'headers.last-event-id', message }] });
};
