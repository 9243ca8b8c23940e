import type { Event } from '@berth/contract';

const MAX_EVENTS = 500;

/** Merges both lists: each event once, newest first, bounded. */
export const newestEvents = (some: readonly Event[], more: readonly Event[]): readonly Event[] => {
  const bySeq = new Map([...some, ...more].map((event) => [event.seq, event]));
  return [...bySeq.values()].sort((one, two) => two.seq - one.seq).slice(0, MAX_EVENTS);
};
