import { dataOf, type Event, type Item } from '@berth/contract';

export type Items = ReadonlyMap<string, Item>;

/** Items are upserts: of two with the same id the newer revision wins, regardless of arrival order. */
export const withItems = (items: Items, more: readonly Item[]): Items => {
  const result = new Map(items);
  for (const item of more) {
    const known = result.get(item.id);
    if (known === undefined || known.revision <= item.revision) result.set(item.id, item);
  }
  return result;
};

export const inOrder = (items: Items): readonly Item[] =>
  [...items.values()].sort((one, two) => one.position - two.position);

/** Whether an event is about an item of this conversation. */
export const isOf = (event: Event, sessionId: string): boolean =>
  (dataOf(event, 'item.grown') ?? dataOf(event, 'item.changed')?.item)?.sessionId === sessionId;
