/** One run of a saga in one world, and its outcome by the record and by the world. */
import { expect } from 'vitest';
import { createSagas } from '../../src/kernel/saga/engine.ts';
import type { Output, Saga } from '../../src/kernel/saga/saga.ts';
import type { Store } from '../../src/kernel/store/store.ts';
import type { SagaRun } from '../../src/kernel/store/tables.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import type { Mortal } from './saga-faults.ts';

/** A world in its initial state. */
export interface SagaWorld<P> {
  readonly ports: P;
  readonly store: Store;
  /** The clock of its ports, when they have one. */
  readonly clock?: ManualClock;
  /** Nothing of the saga is left: no record but its journal, nothing outside. */
  isClean(): boolean | Promise<boolean>;
  /** Everything that the saga promises is there, once. */
  isDone(): boolean | Promise<boolean>;
}

export interface Trial<P, I> {
  readonly world: SagaWorld<P>;
  readonly definition: Saga<P, I, Output>;
  readonly input: I;
  readonly signal?: AbortSignal;
}

const RUN_ID = 'sg_00000000000000000000';

/** Runs or resumes until it ends, is stopped, or the process dies. */
export const runOnce = async <P, I>(
  trial: Trial<P, I>,
  mortal?: Mortal,
): Promise<SagaRun['state'] | 'none'> => {
  const { world, definition, input, signal } = trial;
  const { ports, store, clock = createManualClock() } = world;
  const sagas = createSagas({
    store: mortal?.store ?? store,
    clock,
    ports,
    owner: 'trial',
    definitions: [definition],
    ...(mortal === undefined ? {} : { crashPoint: mortal.crashPoint }),
  });
  await clock.through(Promise.allSettled([sagas.run(definition, { id: RUN_ID, input, signal })]));
  const row = await store.read((tx) => tx.table('sagas').get(RUN_ID));
  return row?.state ?? 'none';
};

/** The record says how it ended, and the world agrees. */
export const expectEnd = async <P, I>(
  trial: Trial<P, I>,
  ends: readonly SagaRun['state'][],
): Promise<void> => {
  const state = await runOnce(trial);
  expect(ends).toContain(state);
  if (state === 'done') expect(await trial.world.isDone(), 'everything is there').toBe(true);
  else expect(await trial.world.isClean(), 'nothing is left').toBe(true);
};
