/**
 * Decides which jobs a server crash counts against. Many jobs run when the server dies, and any one of them
 * may be the cause; failing them all would punish the bystanders. So a crash counts only against a job that
 *
 * - was started shortly before: one that had been running well for a while is not the cause;
 * - has made no progress since the previous crash: one that has is not the cause, and its
 *   count restarts.
 *
 * A job that makes a little progress before each crash could crash the server forever, so after
 * `MAX_EARLY_DEATHS` it is given up wherever it is.
 *
 * While there are suspects, the next start begins interrupted jobs in turns, each suspect alone (trials.ts).
 */

import type { Patch } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { FREE } from './outcome.ts';

/** Longer than a job that kills its server needs to do so. */
export const TRIAL_MS = 20_000;
/** The next turn starts after this at the latest; by then a job that had to wait for a worker has been tried. */
const TURN_MS = 2 * TRIAL_MS;
/** Crashes without progress after which a job becomes a suspect, and after which it is given up. */
const SUSPECT_AFTER = 2;
const MAX_CRASHES = 3;
/** The same for crashes shortly after the job started, wherever it was. */
const SUSPECT_AFTER_EARLY = 4;
const MAX_EARLY_DEATHS = 10;

export interface Found {
  readonly job: Job;
  /** How far its work had got. If it is equal at two crashes, no progress was made in between. */
  readonly progress: string;
}

/**
 * Queues in dependency order: those that other queues' jobs wait for come first. Unlisted queues come before
 * all others.
 */
export type QueueOrder = readonly string[];

export interface Verdict {
  readonly job: Job;
  readonly patch: Patch<Job>;
  /** When the job is started; 0 is first. A suspect has a turn to itself. */
  readonly turn: number;
}

/** Whether the job waits for its turn. One with an error waits for a retry instead. */
export const awaitsTurn = ({ state, crashPlace, error, runAt }: Job, now: number): boolean =>
  state === 'waiting' && crashPlace !== undefined && error === undefined && runAt > now;

type Counts = Pick<Job, 'crashes' | 'earlyDeaths'>;

export const isSuspect = ({ crashes, earlyDeaths = 0 }: Counts): boolean =>
  crashes >= SUSPECT_AFTER || earlyDeaths >= SUSPECT_AFTER_EARLY;

export const isGivenUp = ({ crashes, earlyDeaths = 0 }: Counts): boolean =>
  crashes >= MAX_CRASHES || earlyDeaths >= MAX_EARLY_DEATHS;

/**
 * Decides what happens to the jobs that were active when the server died, or that still waited for their turn
 * since an earlier crash.
 */
export const judgeAfterCrash = (
  found: readonly Found[],
  { now, leaseMs, order }: { readonly now: number; readonly leaseMs: number; readonly order: QueueOrder },
): Verdict[] => {
  const verdicts = found
    .map(({ job, progress }) => ({ job, progress, ...countsOf(job, progress, leaseMs) }))
    .sort(
      (a, b) =>
        order.indexOf(a.job.queue) - order.indexOf(b.job.queue) ||
        Number(isSuspect(a)) - Number(isSuspect(b)) ||
        (a.job.id < b.job.id ? -1 : 1),
    );
  let turn = 0;
  return verdicts.map((verdict, index) => {
    const { job, progress, crashes, earlyDeaths } = verdict;
    const before = verdicts[index - 1];
    if (before !== undefined && (isSuspect(verdict) || isSuspect(before))) turn += 1;
    // A crash is not an attempt, so the remaining attempts stay the same.
    const attempts = job.state === 'waiting' ? job.attempts : job.attempts - 1 - job.crashes + crashes;
    const runAt = turn > 0 ? now + turn * TURN_MS : Math.min(job.runAt, now);
    const counts = { crashes, earlyDeaths, crashPlace: progress };
    return { job, turn, patch: { ...FREE, state: 'waiting', attempts, ...counts, runAt } };
  });
};

const countsOf = (job: Job, progress: string, leaseMs: number): Counts => {
  const { crashes, earlyDeaths = 0 } = job;
  if (job.state === 'waiting') return { crashes, earlyDeaths };
  const earlier = job.crashPlace === progress ? crashes : 0;
  const lastSeenAt = (job.leaseUntil ?? 0) - leaseMs;
  const ranMs = lastSeenAt - (job.claimedAt ?? lastSeenAt);
  return ranMs < TRIAL_MS
    ? { crashes: earlier + 1, earlyDeaths: earlyDeaths + 1 }
    : { crashes: earlier, earlyDeaths: 0 };
};
