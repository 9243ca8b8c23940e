/** An event is a fact with a sequence number; it is written in the same transaction as the change it reports. */
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

/** Data of every transition of a noun. `details` carries what that transition adds (a reason, an error, a commit). */
const moved = (states: Table, details: z.ZodType = z.record(z.string(), z.unknown()).optional()) =>
  z.object({ from: stateOf(states), to: stateOf(states), details });

type Moved<T extends Table, D> = { from: StateOf<T>; to: StateOf<T> } & (D extends z.ZodType
  ? { details: z.infer<D> }
  : { details?: object });

/**
 * One event per trigger of a state table: `sandbox.created`, `sandbox.failed`, … `details` declares, per trigger,
 * what readers may rely on.
 */
export const eventsOf = <
  const N extends string,
  T extends Table,
  D extends { readonly [K in TriggerOf<T>]?: z.ZodType } = Record<never, never>,
>(
  noun: N,
  states: T,
  details: D = {} as D,
) =>
  triggersOf(states).map((trigger) =>
    event(`${noun}.${trigger}`, 1, moved(states, details[trigger])),
  ) as unknown as {
    [K in TriggerOf<T>]: {
      readonly type: `${N}.${K}`;
      readonly version: 1;
      readonly data: z.ZodType<Moved<T, K extends keyof D ? D[K] : undefined>>;
    };
  }[TriggerOf<T>][];
