/**
 * The items of a conversation. Events carry items and their growth, so a growing message needs no further request;
 * earlier items are read once, and again when events were missed.
 */
import type { Item } from '@berth/contract';
import { createItemAssembler } from '@berth/sdk';
import { useEffect, useState } from 'react';
import { useConnection } from '../live/connection.tsx';
import { firstRows } from '../live/rows.ts';
import { useLive } from '../live/use-live.ts';
import { type Items, inOrder, isOf, withItems } from './items.ts';

const MAX_ITEMS = 2000;
const NONE: Items = new Map();

export const useItems = (sessionId: string) => {
  const { feed } = useConnection();
  const [told, setTold] = useState(NONE);
  const [book] = useState(createItemAssembler);
  useEffect(
    () =>
      feed.subscribe((event) => {
        const item = isOf(event, sessionId) ? book.take(event) : undefined;
        if (item !== undefined && item !== 'missed') setTold((items) => withItems(items, [item]));
      }),
    [feed, sessionId, book],
  );
  const { value, failure } = useLive({
    key: sessionId,
    read: async (client, signal) => {
      const first = await firstRows<Item>(MAX_ITEMS, (page) =>
        client.sessions.items({ id: sessionId, ...page }, { signal }),
      );
      for (const item of first.rows) book.put(item);
      return first;
    },
    concerns: (event) => isOf(event, sessionId) && book.take(event) === 'missed',
  });
  const items = inOrder(withItems(told, value?.rows ?? []));
  return { items, failure, isCut: value?.hasMore ?? false };
};
