/**
 * The items of a conversation. Events bring whole items, so a growing message costs no further question; what was said
 * before is read once, and again only after the server could not be followed.
 */
import type { Item } from '@berth/contract';
import { useEffect, useState } from 'react';
import { useConnection } from '../live/connection.tsx';
import { firstRows } from '../live/rows.ts';
import { useLive } from '../live/use-live.ts';
import { type Items, inOrder, itemOf, withItems } from './items.ts';

const MAX_ITEMS = 2000;
const NONE: Items = new Map();
const never = () => false;

export const useItems = (sessionId: string) => {
  const { feed } = useConnection();
  const [told, setTold] = useState(NONE);
  useEffect(
    () =>
      feed.subscribe((event) => {
        const item = itemOf(event, sessionId);
        if (item !== undefined) setTold((items) => withItems(items, [item]));
      }),
    [feed, sessionId],
  );
  const { value, failure } = useLive({
    key: sessionId,
    read: (client, signal) =>
      firstRows<Item>(MAX_ITEMS, (page) => client.sessions.items({ id: sessionId, ...page }, { signal })),
    concerns: never,
  });
  const items = inOrder(withItems(told, value?.rows ?? []));
  return { items, failure, isCut: value?.hasMore ?? false };
};
