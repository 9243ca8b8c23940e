/** Drives one run from its stored state to an end, or leaves it for later by throwing. */
import { type BerthError, fail } from '@berth/contract';
import { assert } from '../assert.ts';
import { bodyOf, failureOf, revive } from '../failure.ts';
import { toJson } from '../json.ts';
import type { Patch } from '../store/store.ts';
import type { SagaRun } from '../store/tables.ts';
import { heldOf, heldRow } from './fence.ts';
import { forward, isDecided } from './forward.ts';
import { type Run, StepFailed } from './run.ts';
import type { Output } from './saga.ts';
import { unwind } from './unwind.ts';

/**
 * Resolves with the result. Rejects with the error of an undone run, with the reason of a stop, or with an
 * error of the store.
 */
export const drive = async <P>(run: Run<P>): Promise<Output> => {
  if (run.row.state === 'undoing') return goBack(run, causeOf(run.row));
  try {
    return await goForth(run);
  } catch (error) {
    const cause = whyUndo(run, error);
    await mark(run, { state: 'undoing', error: bodyOf(cause) });
    return goBack(run, cause);
  }
};

/** Whether nothing is left that the engine does by itself. */
export const isOver = ({ state }: SagaRun): boolean => state !== 'running' && state !== 'undoing';

/** Returns the result, or throws the error, of a run that is over. */
export const endOf = (row: SagaRun): Output => {
  if (row.state === 'done') return row.result;
  throw row.state === 'stuck' ? stuck(row) : causeOf(row);
};

const goForth = async <P>(run: Run<P>): Promise<Output> => {
  await forward(run);
  const out = run.journal.outputs();
  const result = run.definition.result({ input: run.input, out, run: run.id });
  const json = result === undefined ? undefined : toJson(result, `the result of ${run.id}`);
  await mark(run, { state: 'done', result: json });
  run.log.info('saga.done', fieldsOf(run));
  return json;
};

const goBack = async <P>(run: Run<P>, cause: BerthError): Promise<never> => {
  try {
    await unwind(run);
  } catch (error) {
    run.interrupts.stop.throwIfAborted();
    if (!(error instanceof StepFailed)) throw error;
    const stuckAt = { step: error.step, error: bodyOf(failureOf(error.cause, run.id)) };
    run.log.error('saga.stuck', { ...fieldsOf(run), step: error.step, cause, error: error.cause });
    throw stuck(await mark(run, { state: 'stuck', stuckAt }));
  }
  await mark(run, { state: 'undone' });
  run.log.warn('saga.undone', { ...fieldsOf(run), error: cause });
  throw cause;
};

/** Returns the reason to undo; throws when the run must be left as it is. */
const whyUndo = <P>(run: Run<P>, error: unknown): BerthError => {
  const { stop, cancel } = run.interrupts;
  stop.throwIfAborted();
  if (cancel.aborted && !isDecided(run) && (error === cancel.reason || error instanceof StepFailed)) {
    return failureOf(cancel.reason, run.id);
  }
  if (error instanceof StepFailed) return failureOf(error.cause, run.id);
  throw error;
};

const causeOf = ({ error }: SagaRun): BerthError => {
  assert(error !== undefined, 'a run that is undone has its cause on record');
  return revive(error);
};

const stuck = (row: SagaRun): BerthError => {
  assert(row.stuckAt !== undefined, 'a stuck run has its step on record');
  const { step, error } = row.stuckAt;
  const cause = causeOf(row);
  const data = { saga: row.name, step, cause: cause.message, undoCause: error.message };
  return fail('saga.stuck', data, { cause });
};

const fieldsOf = <P>({ id, row }: Run<P>) => ({ saga: id, name: row.name, subject: row.subject });

const mark = <P>({ row, store }: Run<P>, patch: Patch<SagaRun>): Promise<SagaRun> =>
  store.write(async (tx) => {
    const { id, revision } = await heldRow(tx, heldOf(row));
    return tx.table('sagas').update(id, revision, patch);
  });
