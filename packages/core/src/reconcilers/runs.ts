/**
 * Deletes ended runs with their journals after a while, and the jobs that started them.
 *
 * An ended run may still be needed. After a crash, a run in progress starts over and gets the outcome of its
 * child runs by id. The children of an attempt are needed only by the attempt's own run, which may wait for a
 * person for weeks. Other runs belong to set-ups and target verdicts and end soon; of these, none that
 * started after the oldest one in progress is deleted. While a sandbox lives, the runs that created it and
 * worked in it are kept, because they record its layers and the session its agent continues.
 */

import type { Json } from '@berth/plugin-api';
import {
  allRows,
  defineReconciler,
  familyOf,
  type Ids,
  pruneRows,
  type SagaRun,
  type Tx,
} from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { isNotDestroyed } from '../sandbox/index.ts';
import { runIdOf } from '../workflows/attempt/records.ts';
import { createSandbox } from '../workflows/machine/create-sandbox.ts';

const MAX_JOB_BATCHES = 50;

export const runReconciler = defineReconciler<Ports>({
  name: 'runs',
  everyMs: 600_000,
  wakeOn: [],
  async pass(ports, signal) {
    const { store, clock, ids, retention } = ports;
    const since = clock.now() - retention.runsMs;
    const where = { state: ['done', 'undone', 'forgotten'] };
    const old = { table: 'sagas', where, since } as const;
    const runs = await pruneRows(store, { ...old, remove: (tx, run) => remove(tx, ids, run) }, signal);
    return { runs, jobs: await pruneJobs(ports, since, signal) };
  },
});

const remove = async (tx: Tx, ids: Ids, run: SagaRun): Promise<boolean> => {
  if ((await mayBeRead(tx, ids, run)) || (await isOfLivingSandbox(tx, run))) return false;
  const journal = await allRows(tx, { table: 'journal', where: { sagaId: run.id } });
  for (const { id } of journal) await tx.table('journal').remove(id);
  return tx.table('sagas').remove(run.id);
};

const mayBeRead = async (tx: Tx, ids: Ids, { input, createdAt }: SagaRun): Promise<boolean> => {
  const attemptId = attemptOf(input);
  if (attemptId !== undefined) {
    const own = await tx.table('sagas').get(runIdOf(ids, attemptId));
    return own?.state === 'running' || own?.state === 'undoing';
  }
  const underWay = await allRows(tx, { table: 'sagas', where: { state: ['running', 'undoing'] } });
  return underWay.some((run) => attemptOf(run.input) === undefined && run.createdAt <= createdAt);
};

const isOfLivingSandbox = async (tx: Tx, { name, subject, input }: SagaRun): Promise<boolean> => {
  const id = familyOf(name) === createSandbox.family ? subject : await sandboxOf(tx, attemptOf(input));
  return id !== undefined && isNotDestroyed(await tx.table('sandboxes').get(id));
};

const sandboxOf = async (tx: Tx, attemptId: string | undefined): Promise<string | undefined> =>
  attemptId === undefined ? undefined : (await tx.table('attempts').get(attemptId))?.sandboxId;

const attemptOf = (input: Json): string | undefined =>
  typeof input === 'object' && input !== null && 'attemptId' in input ? String(input.attemptId) : undefined;

const pruneJobs = async ({ queue }: Ports, before: number, signal: AbortSignal): Promise<number> => {
  let pruned = 0;
  for (let batch = 0; batch < MAX_JOB_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const some = await queue.prune(before);
    pruned += some;
    if (some === 0) break;
  }
  return pruned;
};
