/** Makes the event of a fact: both stores write exactly this. */
import { EVENTS, type Event, type EventType } from '@berth/contract';
import { assert } from '../assert.ts';
import { toJson } from '../json.ts';
import type { Fact } from './store.ts';

const SHAPES = new Map(EVENTS.map((shape) => [shape.type, shape]));

/** Refuses a fact whose data is not what the contract promises to readers. */
export const eventOf = (fact: Fact, place: { seq: number; id: string; at: number }): Event => {
  const shape = SHAPES.get(fact.type);
  assert(shape !== undefined, `${fact.type} is in the list of events`);
  const { error } = shape.data.safeParse(fact.data);
  assert(error === undefined, `the data of ${fact.type} fits its schema: ${error?.message}`);
  return {
    ...place,
    type: fact.type,
    version: shape.version,
    subject: fact.subject,
    ...(fact.causedBy === undefined ? {} : { causedBy: fact.causedBy }),
    data: bounded(toJson(fact.data, fact.type)),
  };
};

/** Every reader of the log gets every event, and what some of them say comes out of sandboxes. */
const MAX_EVENT_CHARACTERS = 2 ** 20;

/** An object goes in, so an object comes out: without what was said when that is too long. It is in the record. */
const bounded = (data: unknown): Record<string, unknown> => {
  const { length } = JSON.stringify(data);
  return length > MAX_EVENT_CHARACTERS ? { omittedCharacters: length } : (data as Record<string, unknown>);
};

/** Whether a type is asked for by `task.created`, by `task.*`, or by nothing. */
export const matchesType = (type: EventType | string, wanted: string | undefined): boolean =>
  wanted === undefined || (wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted);
