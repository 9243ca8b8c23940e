/**
 * Which jobs a death of the server counts against. Many are under way when it dies, and one of them may be the cause;
 * to give all of them up would punish who was near. So a death counts only against a job that
 *
 * - was begun shortly before: one that had run well for a while did not do it now;
 * - is where it was at the death before: one that got on was not what stood in the way. It begins to count anew.
 *
 * While there are suspects, what was under way is begun in turns at the next start, each suspect alone (trials.ts).
 */

import type { Patch } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { FREE } from './outcome.ts';

/** Longer than a job that kills its server takes to do so. */
export const TRIAL_MS = 20_000;
/** Until the next turn at the latest: by then one that waited for a free worker has had its trial, too. */
const TURN_MS = 2 * TRIAL_MS;
/** Deaths at one place that make a suspect. */
const SUSPECT_AFTER = 2;

export interface Found {
  readonly job: Job;
  /** Where its work is. Equal at two deaths: nothing was done between them. */
  readonly place: string;
}

/** Queues, those first whose jobs the jobs of others wait for. One that is not named comes before all. */
export type QueueOrder = readonly string[];

export interface Verdict {
  readonly job: Job;
  readonly patch: Patch<Job>;
  /** When it is begun: 0 is first, and a suspect has a turn for itself. */
  readonly turn: number;
}

/** Does it wait for its turn? One with an error waits for its next try. */
export const awaitsTurn = ({ state, crashPlace, error, runAt }: Job, now: number): boolean =>
  state === 'waiting' && crashPlace !== undefined && error === undefined && runAt > now;

export const isSuspect = ({ crashes }: Pick<Job, 'crashes'>): boolean => crashes >= SUSPECT_AFTER;

/** What becomes of the jobs that were under way when the server died, or waited for their turn after the death before. */
export const judgeAfterCrash = (
  found: readonly Found[],
  { now, leaseMs, order }: { readonly now: number; readonly leaseMs: number; readonly order: QueueOrder },
): Verdict[] => {
  const verdicts = found
    .map(({ job, place }) => ({ job, place, crashes: crashesOf(job, place, leaseMs) }))
    .sort(
      (a, b) =>
        order.indexOf(a.job.queue) - order.indexOf(b.job.queue) ||
        Number(isSuspect(a)) - Number(isSuspect(b)) ||
        (a.job.id < b.job.id ? -1 : 1),
    );
  let turn = 0;
  return verdicts.map((verdict, index) => {
    const { job, place, crashes } = verdict;
    const before = verdicts[index - 1];
    if (before !== undefined && (isSuspect(verdict) || isSuspect(before))) turn += 1;
    // A death is no try: what is left of the tries stays as it is.
    const attempts = job.state === 'waiting' ? job.attempts : job.attempts - 1 - job.crashes + crashes;
    const runAt = turn > 0 ? now + turn * TURN_MS : Math.min(job.runAt, now);
    return { job, turn, patch: { ...FREE, state: 'waiting', attempts, crashes, crashPlace: place, runAt } };
  });
};

const crashesOf = (job: Job, place: string, leaseMs: number): number => {
  if (job.state === 'waiting') return job.crashes;
  const earlier = job.crashPlace === place ? job.crashes : 0;
  const lastSeenAt = (job.leaseUntil ?? 0) - leaseMs;
  const ranMs = lastSeenAt - (job.claimedAt ?? lastSeenAt);
  return ranMs < TRIAL_MS ? earlier + 1 : earlier;
};
