/**
 * The jobs that were deferred in this process, to begin them sooner than by their time. It is no more than that: each
 * comes again by itself, also after a restart.
 */
import type { Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { topicOf } from './rows.ts';

export interface DeferredJobs {
  note(job: Job): void;
  /** Has them begin again, those of one key when it is given: the most urgent and then the oldest first. */
  hasten(tx: Tx, key?: string): Promise<void>;
  /** How many there are that nobody has begun again. */
  count(): number;
}

export const createDeferredJobs = (): DeferredJobs => {
  const deferred = new Map<string, Job>();
  return {
    note: (job) => void deferred.set(job.id, job),
    count: () => deferred.size,
    async hasten(tx, key) {
      const all = [...deferred.values()].filter((job) => key === undefined || job.key === key);
      for (const { id, queue, createdAt } of all) {
        deferred.delete(id);
        const job = await tx.table('jobs').get(id);
        if (job?.state !== 'waiting') continue;
        // Before those that came later.
        await tx.table('jobs').update(id, job.revision, { runAt: createdAt });
        tx.notify(topicOf(queue));
      }
    },
  };
};
