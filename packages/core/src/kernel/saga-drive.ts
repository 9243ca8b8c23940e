/** Takes one run from the state on record to an end, or leaves it for another time by throwing something else. */
import { type BerthError, fail } from '@berth/contract';
import { assert } from './assert.ts';
import { bodyOf, failureOf, revive } from './failure.ts';
import { toJson } from './json.ts';
import type { Output } from './saga.ts';
import { forward, isPastReturn } from './saga-forward.ts';
import { type Run, StepFailed } from './saga-run.ts';
import { unwind } from './saga-unwind.ts';
import type { Patch, Store } from './store.ts';
import type { SagaRun } from './tables.ts';

/** Resolves with the result. Rejects with the end of an undone run, with the stop's reason, or as the store does. */
export const drive = async <P>(run: Run<P>, store: Store, row: SagaRun): Promise<Output> => {
  const mark = (patch: Patch<SagaRun>): Promise<SagaRun> => markRun(store, run.id, patch);
  const fields = { saga: run.id, name: run.definition.name, subject: row.subject };
  let cause = row.error === undefined ? undefined : revive(row.error);
  if (row.state === 'running') {
    try {
      await forward(run);
      const out = run.journal.outputs();
      const result = run.definition.result({ input: run.input, out, run: run.id });
      const done = await mark({
        state: 'done',
        result: result === undefined ? undefined : toJson(result, `the result of ${run.id}`),
      });
      run.log.info('saga.done', fields);
      return done.result;
    } catch (error) {
      cause = whyUndo(run, error);
      await mark({ state: 'undoing', error: bodyOf(cause) });
    }
  }
  assert(cause !== undefined, 'a run that is undone has a cause');
  try {
    await unwind(run);
  } catch (error) {
    run.interrupts.stop.throwIfAborted();
    if (!(error instanceof StepFailed)) throw error;
    const stuckAt = { step: error.step, error: bodyOf(failureOf(error.cause, run.id)) };
    run.log.error('saga.stuck', { ...fields, step: error.step, cause, error: error.cause });
    throw stuck(await mark({ state: 'stuck', stuckAt }));
  }
  await mark({ state: 'undone' });
  run.log.warn('saga.undone', { ...fields, error: cause });
  throw cause;
};

/** Nothing is left to do, by itself. */
export const isOver = ({ state }: SagaRun): boolean => state !== 'running' && state !== 'undoing';

/** What a run that is over answers, once more. */
export const endOf = (row: SagaRun): Output => {
  if (row.state === 'done') return row.result;
  if (row.state === 'stuck') throw stuck(row);
  assert(row.error !== undefined, 'a run that was undone has a cause');
  throw revive(row.error);
};

/** The reason to undo, or a throw when the run has to be left as it is. */
const whyUndo = <P>(run: Run<P>, error: unknown): BerthError => {
  const { stop, cancel } = run.interrupts;
  stop.throwIfAborted();
  const isCancelled = cancel.aborted && !isPastReturn(run);
  const isOfStep = error instanceof StepFailed;
  if (!isOfStep && !(isCancelled && error === cancel.reason)) throw error;
  return isCancelled ? failureOf(cancel.reason, run.id) : failureOf(isOfStep ? error.cause : error, run.id);
};

const stuck = ({ name, error, stuckAt }: SagaRun): BerthError =>
  fail('saga.stuck', {
    saga: name,
    step: stuckAt?.step ?? '',
    cause: error?.message ?? '',
    undoCause: stuckAt?.error.message ?? '',
  });

const markRun = (store: Store, id: string, patch: Patch<SagaRun>): Promise<SagaRun> =>
  store.write(async (tx) => {
    const row = await tx.table('sagas').get(id);
    assert(row !== undefined, 'the record of a run outlives the run');
    return tx.table('sagas').update(id, row.revision, patch);
  });
