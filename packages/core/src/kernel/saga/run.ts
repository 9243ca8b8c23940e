/** What every part of the engine knows about the current run. */

import { type Interrupts, isStop } from '../interrupt.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import type { SagaRun } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import type { Journal } from './journal.ts';
import type { AnySaga, Ctx, NamedStep, NothingToUndo, Outputs } from './saga.ts';

export interface Run<P> {
  readonly id: string;
  /** As it was when the engine took it up. */
  readonly row: SagaRun;
  readonly definition: AnySaga<P>;
  readonly input: never;
  readonly ports: P;
  readonly until: (ports: P, signal: AbortSignal) => P;
  readonly journal: Journal;
  readonly interrupts: Interrupts;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Called at the points where a test kills the process; a no-op in production. */
  readonly crashPoint: (name: string) => void;
}

/** A step from a definition whose input type only its starter knows. */
export type RunStep<P> = NamedStep<P, never>;

export const contextOf = <P>(run: Run<P>, step: string, signal: AbortSignal): Ctx<P, never, Outputs> => ({
  ports: run.until(run.ports, signal),
  input: run.input,
  out: run.journal.outputsBefore(step),
  run: run.id,
  key: `${run.id}/${step}`,
  signal,
});

/**
 * A failure of the step itself, as opposed to one of the engine (its store, a crash), which undoes nothing.
 */
export class StepFailed extends Error {
  override readonly name = 'StepFailed';
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(`${step} failed`, { cause });
    this.step = step;
  }
}

/**
 * Runs a step's code and wraps whatever it throws in `StepFailed`, except a stop or a wait, which leave the
 * run as it is.
 */
export const ofStep = async <T>(step: string, act: () => Promise<T> | undefined): Promise<T | undefined> => {
  try {
    return await act();
  } catch (error) {
    if (isStop(error)) throw error;
    throw new StepFailed(step, error);
  }
};

export const isNothing = (undo: unknown): undo is NothingToUndo => typeof undo !== 'function';
