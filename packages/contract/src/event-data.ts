/** How readers get the data of an event: by its type, so that none guesses at its shape. */
import type { z } from 'zod';
import { EVENTS, type EventType } from './api.ts';
import type { Event } from './event.ts';

type EventShape = (typeof EVENTS)[number];
export type EventData<T extends EventType> = z.infer<Extract<EventShape, { type: T }>['data']>;

/** The data of an event of this type; undefined for another type, and when the data was too large to keep. */
export const dataOf = <T extends EventType>(event: Pick<Event, 'type' | 'data'>, type: T) => {
  if (event.type !== type) return undefined;
  const shape = EVENTS.find((one) => one.type === type);
  return shape?.data.safeParse(event.data).data as EventData<T> | undefined;
};
