/** Changes to jobs that no worker has. */
import type { BerthError } from '@berth/contract';
import { type Found, isSuspect, judgeAfterCrash } from './crash-count.ts';
import { bodyOf } from './failure.ts';
import { allRows } from './pages.ts';
import type { ReadTx, Tx } from './store.ts';
import type { Job } from './tables.ts';

/** The job as it is afterwards; a job that does not wait stays as it was. */
export const cancelWaiting = async (tx: Tx, id: string, error: BerthError): Promise<Job | undefined> => {
  const row = await tx.table('jobs').get(id);
  if (row?.state !== 'waiting') return row;
  return tx.table('jobs').update(id, row.revision, { state: 'cancelled', error: bodyOf(error) });
};

export type PlaceOf = (tx: ReadTx, job: Job) => Promise<string>;

/** Everything that runs under another owner waits again, with a crash more where it counts. Returns how many. */
export const putBack = async (
  tx: Tx,
  { owner, now, leaseMs, placeOf }: { owner: string; now: number; leaseMs: number; placeOf: PlaceOf },
): Promise<number> => {
  const active = await allRows(tx, { table: 'jobs', where: { state: 'active' } });
  const found: Found[] = [];
  for (const job of active) if (job.owner !== owner) found.push({ job, place: await placeOf(tx, job) });
  for (const { job, patch } of judgeAfterCrash(found, { now, leaseMs }))
    await tx.table('jobs').update(job.id, job.revision, patch);
  return found.length;
};

/** The next suspect need not wait for its time once the one before it has ended. Returns its queue. */
export const beginNextSuspect = async (tx: Tx, ended: Job, now: number): Promise<string | undefined> => {
  if (!isSuspect(ended)) return undefined;
  const waiting = await allRows(tx, { table: 'jobs', where: { state: 'waiting' } });
  const [next] = waiting
    // One that has an error waits for its next try.
    .filter((job) => isSuspect(job) && job.error === undefined && job.runAt > now)
    .sort((a, b) => a.runAt - b.runAt);
  if (next === undefined) return undefined;
  await tx.table('jobs').update(next.id, next.revision, { runAt: now });
  return next.queue;
};

const PRUNED_AT_ONCE = 200;

/** Removes ended jobs that were last touched before a moment, a few: nobody waits long for the store. Returns how many. */
export const removeEnded = async (tx: Tx, before: number): Promise<number> => {
  const jobs = tx.table('jobs');
  const where = { state: ['done', 'failed', 'cancelled'] };
  const old = await jobs.untouched({ where, since: before, limit: PRUNED_AT_ONCE });
  for (const job of old) await jobs.remove(job.id);
  return old.length;
};
