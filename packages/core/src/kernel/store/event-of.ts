/** Builds the event for a fact, identically for both stores. */
import { EVENTS, type Event, type EventType } from '@berth/contract';
import { assert } from '../assert.ts';
import { toJson } from '../json.ts';
import type { Fact } from './store.ts';

const SHAPES = new Map(EVENTS.map((shape) => [shape.type, shape]));

/** Rejects a fact whose data does not match the contract. */
export const eventOf = (fact: Fact, position: { seq: number; id: string; at: number }): Event => {
  const shape = SHAPES.get(fact.type);
  assert(shape !== undefined, `${fact.type} is in the list of events`);
  const { error } = shape.data.safeParse(fact.data);
  assert(error === undefined, `the data of ${fact.type} fits its schema: ${error?.message}`);
  return {
    ...position,
    type: fact.type,
    version: shape.version,
    subject: fact.subject,
    ...(fact.causedBy === undefined ? {} : { causedBy: fact.causedBy }),
    data: bounded(toJson(fact.data, fact.type)),
  };
};

/** Every reader of the log receives every event, and some of the content comes from sandboxes. */
const MAX_EVENT_CHARACTERS = 2 ** 20;

/** Replaces oversized data with an object that gives its size; the record still has the content. */
const bounded = (data: unknown): Record<string, unknown> => {
  const { length } = JSON.stringify(data);
  return length > MAX_EVENT_CHARACTERS ? { omittedCharacters: length } : (data as Record<string, unknown>);
};

/** Whether a filter such as `task.created` or `task.*`, or no filter, matches the type. */
export const matchesType = (type: EventType | string, wanted: string | undefined): boolean =>
  wanted === undefined || (wanted.endsWith('.*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted);
