/**
 * Items as a reader of events has them. The log carries deltas of a text; the book assembles them. What a reader
 * missed, because it joined late, is fetched.
 */
import { dataOf, type Event, grown, type Item } from '@berth/contract';
import type { RouteMethods } from './client-type.ts';

export interface ItemAssembler {
  /** The item after this event; undefined for another kind of event and for one already applied. */
  take(event: Event): Item | 'missed' | undefined;
  /** Stores an item read by route; the newer of two wins. */
  put(item: Item): void;
  /** Fetches the item of an event whose predecessors were missed. */
  read(client: Pick<RouteMethods, 'sessions'>, event: Event): Promise<Item | undefined>;
}

/** Only the newest grow. */
const MAX_ITEMS = 500;
const PAGE_ITEMS = 200;

export const createItemAssembler = (): ItemAssembler => {
  const items = new Map<string, Item>();
  /** False when a newer one is stored. */
  const put = (item: Item): boolean => {
    const known = items.get(item.id);
    if (known !== undefined && known.revision > item.revision) return false;
    items.delete(item.id);
    items.set(item.id, item);
    const [oldest] = items.keys();
    if (items.size > MAX_ITEMS && oldest !== undefined) items.delete(oldest);
    return true;
  };
  const change = (event: Event): Item | undefined => {
    const item = dataOf(event, 'item.changed')?.item;
    return item !== undefined && put(item) ? item : undefined;
  };
  const grow = (event: Event): Item | 'missed' | undefined => {
    const growth = dataOf(event, 'item.grown');
    const known = items.get(event.subject);
    if (growth === undefined || (known !== undefined && known.revision >= growth.revision)) return undefined;
    const item = known && grown(known, growth, event.at);
    if (item !== undefined) put(item);
    return item ?? 'missed';
  };
  return {
    put: (item) => void put(item),
    take(event) {
      if (event.type === 'item.changed') return change(event);
      return event.type === 'item.grown' ? grow(event) : undefined;
    },
    async read(client, event) {
      const { subject } = event;
      const id = dataOf(event, 'item.grown')?.sessionId ?? '';
      let after: string | undefined;
      do {
        const page = await client.sessions.items({ id, limit: PAGE_ITEMS, after });
        const found = page.rows.find((item) => item.id === subject);
        if (found !== undefined) return put(found) ? found : items.get(subject);
        after = page.next;
      } while (after !== undefined);
      return undefined;
    },
  };
};
