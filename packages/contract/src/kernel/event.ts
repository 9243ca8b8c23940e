/** An event is a fact with a sequence number; it is written in the same transaction as the change it tells. */
import { z } from 'zod';
import { type StateOf, stateOf, type Table, type TriggerOf, triggersOf } from './states.ts';

export interface EventShape {
  readonly type: `${string}.${string}`;
  readonly version: number;
  readonly data: z.ZodType;
}

export const event = <const T extends `${string}.${string}`, D extends z.ZodType>(
  type: T,
  version: number,
  data: D,
) => ({
  type,
  version,
  data,
});

/** What every move of a noun says. `details` carries what that one move adds (a reason, an error, a commit). */
export const moved = <T extends Table>(states: T) =>
  z.object({
    from: stateOf(states),
    to: stateOf(states),
    details: z.record(z.string(), z.unknown()).optional(),
  });

/** One event per trigger of a state table: `sandbox.created`, `sandbox.failed`, … */
export const eventsOf = <const N extends string, T extends Table>(noun: N, states: T) => {
  const data = moved(states);
  return triggersOf(states).map((trigger) => event(`${noun}.${trigger}`, 1, data)) as {
    readonly type: `${N}.${TriggerOf<T>}`;
    readonly version: 1;
    readonly data: z.ZodType<{ from: StateOf<T>; to: StateOf<T>; details?: Record<string, unknown> }>;
  }[];
};
