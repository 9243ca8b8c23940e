/** Job claims of the in-memory store. */
import type { JobClaims, Records } from '../../src/kernel/store/store.ts';
import type { Job } from '../../src/kernel/store/tables.ts';

export const memoryJobs = (jobs: Records<'jobs'>): JobClaims => ({
  async claim({ queue, now, owner, leaseUntil, limit }) {
    const live = await jobs.list({
      where: { queue, state: ['waiting', 'active'] },
      limit: Number.MAX_SAFE_INTEGER,
    });
    const held = new Set(live.filter((job) => isHeld(job, now)).map((job) => job.key));
    const taken: Job[] = [];
    for (const job of live.filter((job) => isDue(job, now)).sort(byUrgency)) {
      if (taken.length >= limit) break;
      if (job.key !== undefined && held.has(job.key)) continue;
      held.add(job.key);
      taken.push(
        await jobs.update(job.id, job.revision, {
          state: 'active',
          owner,
          leaseUntil,
          claimedAt: now,
          attempts: job.attempts + 1,
          fence: job.fence + 1,
          crashes: job.crashes + (job.state === 'active' ? 1 : 0),
        }),
      );
    }
    return taken;
  },
  async nextDue(queue, now) {
    const live = await jobs.list({
      where: { queue, state: ['waiting', 'active'] },
      limit: Number.MAX_SAFE_INTEGER,
    });
    const moments = live.map(dueAt).filter((at) => at > now);
    return moments.length === 0 ? undefined : moments.reduce((a, b) => Math.min(a, b));
  },
});

const dueAt = (job: Job): number => (job.state === 'waiting' ? job.runAt : (job.leaseUntil ?? 0));
const isDue = (job: Job, now: number): boolean => dueAt(job) <= now;
const isHeld = (job: Job, now: number): boolean => job.state === 'active' && !isDue(job, now);

const byUrgency = (a: Job, b: Job): number =>
  b.priority - a.priority || a.runAt - b.runAt || (a.id < b.id ? -1 : 1);
