/**
 * Which jobs a death of the server counts against. Many are under way when it dies, and one of them may be the cause;
 * to give all of them up would punish who was near. So a death counts only against a job that
 *
 * - was begun shortly before: one that had run well for a while did not do it now;
 * - is where it was at the death before: one that got on was not what stood in the way. It begins to count anew.
 *
 * One that gets on a little and dies, again and again, would hold the server for ever: at `MAX_EARLY_DEATHS` it is given
 * up wherever it is.
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
/** Deaths at one place that make a suspect, and those after which it is given up. */
const SUSPECT_AFTER = 2;
const MAX_CRASHES = 3;
/** The same of deaths shortly after it began, wherever it was. */
const SUSPECT_AFTER_EARLY = 4;
const MAX_EARLY_DEATHS = 10;

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

type Counts = Pick<Job, 'crashes' | 'earlyDeaths'>;

export const isSuspect = ({ crashes, earlyDeaths = 0 }: Counts): boolean =>
  crashes >= SUSPECT_AFTER || earlyDeaths >= SUSPECT_AFTER_EARLY;

export const isGivenUp = ({ crashes, earlyDeaths = 0 }: Counts): boolean =>
  crashes >= MAX_CRASHES || earlyDeaths >= MAX_EARLY_DEATHS;

/** What becomes of the jobs that were under way when the server died, or waited for their turn after the death before. */
export const judgeAfterCrash = (
  found: readonly Found[],
  { now, leaseMs, order }: { readonly now: number; readonly leaseMs: number; readonly order: QueueOrder },
): Verdict[] => {
  const verdicts = found
    .map(({ job, place }) => ({ job, place, ...countsOf(job, place, leaseMs) }))
    .sort(
      (a, b) =>
        order.indexOf(a.job.queue) - order.indexOf(b.job.queue) ||
        Number(isSuspect(a)) - Number(isSuspect(b)) ||
        (a.job.id < b.job.id ? -1 : 1),
    );
  let turn = 0;
  return verdicts.map((verdict, index) => {
    const { job, place, crashes, earlyDeaths } = verdict;
    const before = verdicts[index - 1];
    if (before !== undefined && (isSuspect(verdict) || isSuspect(before))) turn += 1;
    // A death is no try: what is left of the tries stays as it is.
    const attempts = job.state === 'waiting' ? job.attempts : job.attempts - 1 - job.crashes + crashes;
    const runAt = turn > 0 ? now + turn * TURN_MS : Math.min(job.runAt, now);
    const counts = { crashes, earlyDeaths, crashPlace: place };
    return { job, turn, patch: { ...FREE, state: 'waiting', attempts, ...counts, runAt } };
  });
};

const countsOf = (job: Job, place: string, leaseMs: number): Counts => {
  const { crashes, earlyDeaths = 0 } = job;
  if (job.state === 'waiting') return { crashes, earlyDeaths };
  const earlier = job.crashPlace === place ? crashes : 0;
  const lastSeenAt = (job.leaseUntil ?? 0) - leaseMs;
  const ranMs = lastSeenAt - (job.claimedAt ?? lastSeenAt);
  return ranMs < TRIAL_MS
    ? { crashes: earlier + 1, earlyDeaths: earlyDeaths + 1 }
    : { crashes: earlier, earlyDeaths: 0 };
};
