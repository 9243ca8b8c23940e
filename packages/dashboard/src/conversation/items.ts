import { type Event, Item } from '@berth/contract';

export type Items = ReadonlyMap<string, Item>;

/** Items are upserts: of two with one id the newer revision counts, in whatever order they arrive. */
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

/** The item that an event brings to this conversation, if it brings one. */
export const itemOf = ({ type, data }: Event, sessionId: string): Item | undefined => {
  if (type !== 'item.changed') return undefined;
  const { success, data: item } = Item.safeParse(data.item);
  return success && item.sessionId === sessionId ? item : undefined;
};
