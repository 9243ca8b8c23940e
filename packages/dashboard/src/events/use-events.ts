/** The tail of the log, followed live. Bounded: the oldest are dropped. */
import type { Event } from '@berth/contract';
import { useEffect, useState } from 'react';
import { useConnection } from '../live/connection.tsx';
import { useLive } from '../live/use-live.ts';
import { newestEvents } from './newest-events.ts';

const PAST_EVENTS = 200;

export const useEvents = () => {
  const { feed } = useConnection();
  const [told, setTold] = useState<readonly Event[]>([]);
  useEffect(() => feed.subscribe((event) => setTold((events) => newestEvents(events, [event]))), [feed]);
  const { value, failure } = useLive({
    key: 'events',
    read: async (client, signal) => {
      const { lastSeq } = await client.system.stats({}, { signal });
      const afterSeq = Math.max(0, lastSeq - PAST_EVENTS);
      return (await client.events.list({ afterSeq, limit: PAST_EVENTS }, { signal })).rows;
    },
    concerns: () => false,
  });
  return { events: newestEvents(told, value ?? []), failure };
};
