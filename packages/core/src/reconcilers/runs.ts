/**
 * Runs that have ended are forgotten with their journals after a while, and so are the jobs that began them.
 *
 * An ended run may still be needed. A run that is under way hears the runs which it started again, by id, when it is
 * walked from its beginning after a crash; those began after it did, so nothing that began after the oldest run under
 * way is touched. And while a sandbox lives, the runs that made it and worked in it say from which layers it came and
 * where its conversation goes on.
 */
import type { Json } from '@berth/plugin-api';
import { allRows, defineReconciler, familyOf, pruneRows, type SagaRun, type Tx } from '../kernel/index.ts';
import { createSandbox } from '../workflows/create-sandbox.ts';
import type { World } from '../world.ts';

const MAX_JOB_BATCHES = 50;

export const runReconciler = defineReconciler<World>({
  name: 'runs',
  everyMs: 600_000,
  wakeOn: [],
  async pass(world, signal) {
    const { store, clock, retention } = world;
    const since = clock.now() - retention.runsMs;
    const where = { state: ['done', 'undone', 'forgotten'] };
    const runs = await pruneRows(store, { table: 'sagas', where, since, remove }, signal);
    return { runs, jobs: await pruneJobs(world, since, signal) };
  },
});

const remove = async (tx: Tx, run: SagaRun): Promise<boolean> => {
  if ((await mayBeHeardAgain(tx, run)) || (await isOfLivingSandbox(tx, run))) return false;
  const journal = await allRows(tx, { table: 'journal', where: { sagaId: run.id } });
  for (const { id } of journal) await tx.table('journal').remove(id);
  return tx.table('sagas').remove(run.id);
};

const mayBeHeardAgain = async (tx: Tx, { createdAt }: SagaRun): Promise<boolean> => {
  const where = { state: ['running', 'undoing'] };
  const underWay = await allRows(tx, { table: 'sagas', where });
  return underWay.some((run) => run.createdAt <= createdAt);
};

const isOfLivingSandbox = async (tx: Tx, run: SagaRun): Promise<boolean> => {
  const id = familyOf(run.name) === createSandbox.family ? run.subject : await sandboxOf(tx, run.input);
  const sandbox = id === undefined ? undefined : await tx.table('sandboxes').get(id);
  return sandbox !== undefined && sandbox.state !== 'destroyed';
};

const sandboxOf = async (tx: Tx, input: Json): Promise<string | undefined> => {
  if (typeof input !== 'object' || input === null || !('attemptId' in input)) return undefined;
  return (await tx.table('attempts').get(String(input.attemptId)))?.sandboxId;
};

const pruneJobs = async ({ queue }: World, before: number, signal: AbortSignal): Promise<number> => {
  let pruned = 0;
  for (let batch = 0; batch < MAX_JOB_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const some = await queue.prune(before);
    pruned += some;
    if (some === 0) break;
  }
  return pruned;
};
