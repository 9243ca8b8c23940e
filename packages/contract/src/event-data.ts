/** How readers take out of an event what it says: by its type, so that none guesses at its shape. */
import type { z } from 'zod';
import { EVENTS, type EventType } from './api.ts';
import type { Event } from './event.ts';

type EventShape = (typeof EVENTS)[number];
export type EventData<T extends EventType> = z.infer<Extract<EventShape, { type: T }>['data']>;

/** What an event of this type says; undefined for one of another type, and where too much was said to be kept. */
export const dataOf = <T extends EventType>(event: Pick<Event, 'type' | 'data'>, type: T) => {
  if (event.type !== type) return undefined;
  const shape = EVENTS.find((one) => one.type === type);
  return shape?.data.safeParse(event.data).data as EventData<T> | undefined;
};
