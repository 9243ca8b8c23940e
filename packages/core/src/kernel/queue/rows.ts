/** Updates to jobs that no worker holds. */
import type { BerthError } from '@berth/contract';
import { bodyOf } from '../failure.ts';
import { allRows } from '../store/pages.ts';
import type { ReadTx, Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { awaitsTurn, type Found, judgeAfterCrash, type QueueOrder } from './crash-count.ts';
import { hastened } from './outcome.ts';

/** Notified in every transaction that leaves work for a queue, so that its workers wake up in any process. */
export const topicOf = (queue: string): string => `queue ${queue}`;

/** Returns the job as it is afterwards; one that is not waiting is left unchanged. */
export const cancelWaiting = async (tx: Tx, id: string, error: BerthError): Promise<Job | undefined> => {
  const row = await tx.table('jobs').get(id);
  if (row?.state !== 'waiting') return row;
  return tx.table('jobs').update(id, row.revision, { state: 'cancelled', error: bodyOf(error) });
};

export const findLive = (tx: ReadTx, key: string): Promise<Job[]> =>
  allRows(tx, { table: 'jobs', where: { key, state: ['waiting', 'active'] } });

export const reschedule = async (tx: Tx, momentOf: (job: Job) => number | undefined): Promise<number> => {
  let moved = 0;
  for (const job of await allRows(tx, { table: 'jobs', where: { state: 'waiting' } })) {
    const runAt = momentOf(job);
    if (runAt === undefined) continue;
    await tx.table('jobs').update(job.id, job.revision, { runAt });
    tx.notify(topicOf(job.queue));
    moved += 1;
  }
  return moved;
};

/** Sets `runAt` to the creation time, so that the most urgent and then the oldest job comes first. */
export const hasten = async (tx: Tx, wanted: HastenFilter): Promise<number> => {
  const where = 'topic' in wanted ? { waitsFor: wanted.topic } : { key: wanted.key };
  if ('topic' in wanted) tx.notify(wanted.topic);
  let begun = 0;
  for (const job of await allRows(tx, { table: 'jobs', where: { ...where, state: 'waiting' } })) {
    if (job.waitsFor === undefined) continue;
    await tx.table('jobs').update(job.id, job.revision, hastened(job));
    tx.notify(topicOf(job.queue));
    begun += 1;
  }
  return begun;
};

export type HastenFilter = { readonly topic: string } | { readonly key: string };

export const countWaiting = (tx: ReadTx, topic: string): Promise<number> =>
  tx.table('jobs').count({ waitsFor: topic, state: 'waiting' });

export interface Recovery {
  /** How far the work of a job has got. */
  readonly progressOf: (tx: ReadTx, job: Job) => Promise<string>;
  readonly order: QueueOrder;
}

/** Requeues every job held by another owner and counts a crash where it applies. Returns the ids by turn. */
export const putBack = async (
  tx: Tx,
  { owner, now, leaseMs, progressOf, order }: Recovery & { owner: string; now: number; leaseMs: number },
): Promise<string[][]> => {
  const unended = await allRows(tx, { table: 'jobs', where: { state: ['active', 'waiting'] } });
  const found: Found[] = [];
  for (const job of unended) {
    if (awaitsTurn(job, now)) found.push({ job, progress: job.crashPlace ?? '' });
    else if (job.state === 'active' && job.owner !== owner)
      found.push({ job, progress: await progressOf(tx, job) });
  }
  const verdicts = judgeAfterCrash(found, { now, leaseMs, order });
  for (const { job, patch } of verdicts) await tx.table('jobs').update(job.id, job.revision, patch);
  const turns = 1 + Math.max(0, ...verdicts.map(({ turn }) => turn));
  return Array.from({ length: turns }, (_, turn) =>
    verdicts.filter((verdict) => verdict.turn === turn).map(({ job }) => job.id),
  );
};

const PRUNED_AT_ONCE = 200;

/**
 * Removes a few ended jobs last updated before the given time; a few, so that nobody waits long for the
 * store. Returns how many.
 */
export const removeEnded = async (tx: Tx, before: number): Promise<number> => {
  const jobs = tx.table('jobs');
  const where = { state: ['done', 'failed', 'cancelled'] };
  const old = await jobs.untouched({ where, since: before, limit: PRUNED_AT_ONCE });
  for (const job of old) await jobs.remove(job.id);
  return old.length;
};
