/**
 * States as data: `{ state: { trigger: nextState } }`. Triggers are facts in the past tense, so that the transition
 * `created` of a sandbox *is* the event `sandbox.created`. An unknown target state does not compile.
 */
import { z } from 'zod';

export type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

type Checked<T extends Table> = {
  [S in keyof T]: { [E in keyof T[S]]: T[S][E] extends keyof T ? T[S][E] : never };
};

export const table = <const T extends Table>(states: T & Checked<T>): T => states;

export type StateOf<T extends Table> = keyof T & string;
/** Every trigger in the table. */
export type TriggerOf<T extends Table> = { [S in keyof T]: keyof T[S] & string }[keyof T];

/** The state after `trigger`, or undefined when the transition is illegal. */
export const next = <T extends Table>(
  states: T,
  from: StateOf<T>,
  trigger: TriggerOf<T>,
): StateOf<T> | undefined => states[from]?.[trigger] as StateOf<T> | undefined;

/** Whether the trigger is legal now: CLI and dashboard check this before they offer an action. */
export const allows = <T extends Table>(states: T, from: StateOf<T>, trigger: TriggerOf<T>): boolean =>
  next(states, from, trigger) !== undefined;

/** Terminal states. */
export const isFinal = <T extends Table>(states: T, state: StateOf<T>): boolean =>
  Object.keys(states[state] ?? {}).length === 0;

export const finalOf = <T extends Table>(states: T): StateOf<T>[] =>
  (Object.keys(states) as StateOf<T>[]).filter((state) => isFinal(states, state));

export const triggersOf = <T extends Table>(states: T): TriggerOf<T>[] =>
  [...new Set(Object.values(states).flatMap((moves) => Object.keys(moves)))] as TriggerOf<T>[];

/** The wire schema of a state. */
export const stateOf = <T extends Table>(states: T) =>
  z.enum(Object.keys(states) as [StateOf<T>, ...StateOf<T>[]]);
