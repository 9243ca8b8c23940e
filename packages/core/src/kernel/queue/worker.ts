/**
 * The worker of one queue: claims due jobs while it has capacity and renews the leases of active ones. It
 * never polls: it wakes when a job is added or ends, and on one alarm for the next delay or lease.
 */

import { createCoalescingRunner } from '../coalescing-runner.ts';
import { Stopped } from '../interrupt.ts';
import type { Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { createAlarm } from '../time/clock.ts';
import { type HandlingDeps, handleJob, updateHeld } from './handling.ts';

export interface Worker {
  wake(): void;
  /** Returns false if this worker does not hold the job. */
  abort(id: string, reason: unknown): boolean;
  /** Stops claiming, asks every handler to stop and waits for all of them. */
  close(): Promise<void>;
}

export interface WorkerDeps extends HandlingDeps {
  readonly queue: string;
  /** Maximum number of concurrent jobs. */
  readonly concurrency: number;
  readonly owner: string;
  readonly leaseMs: number;
}

interface Running {
  readonly job: Job;
  readonly abort: AbortController;
  readonly end: Promise<void>;
  leaseUntil: number;
}

const STORE_RETRY_MS = 1000;

export const startWorker = (deps: WorkerDeps): Worker => {
  const { clock, log, queue, leaseMs } = deps;
  /**
   * Tracked per claim, not per job id: a job that was lost and reclaimed may run beside its earlier handler
   * until that ends.
   */
  const running = new Set<Running>();
  let isClosed = false;

  const start = (job: Job): void => {
    const abort = new AbortController();
    if (isClosed) abort.abort(stopped());
    const end = handleJob(deps, job, abort.signal).then(() => {
      running.delete(one);
      rounds.trigger();
    });
    const one: Running = { job, abort, end, leaseUntil: job.leaseUntil ?? 0 };
    running.add(one);
  };

  const round = async (): Promise<void> => {
    if (isClosed) return;
    const hands = deps.concurrency - running.size;
    try {
      const { jobs, due } = await claimRound(deps, running, hands);
      jobs.forEach(start);
      alarm.set(Math.min(due ?? Number.POSITIVE_INFINITY, ...[...running].map(renewAt(leaseMs))));
    } catch (error) {
      log.error('queue.claim_failed', { queue, error });
      alarm.set(clock.now() + STORE_RETRY_MS);
    }
  };
  const rounds = createCoalescingRunner(round);
  const alarm = createAlarm(clock, rounds.trigger);

  return {
    wake: rounds.trigger,
    abort(id, reason) {
      const theirs = [...running].filter(({ job }) => job.id === id);
      for (const { abort } of theirs) abort.abort(reason);
      return theirs.length > 0;
    },
    async close() {
      isClosed = true;
      for (const { abort } of running) abort.abort(stopped());
      await rounds.whenIdle();
      alarm.stop();
      await Promise.all([...running].map(({ end }) => end));
    },
  };
};

const stopped = (): Stopped => new Stopped('the server stops');

/**
 * Renew leases first, in the same transaction, so that after the machine sleeps a worker does not reclaim its
 * own jobs.
 */
const claimRound = async (deps: WorkerDeps, running: ReadonlySet<Running>, hands: number) => {
  const { store, clock, queue, owner, leaseMs } = deps;
  const now = clock.now();
  const leaseUntil = now + leaseMs;
  const near = [...running].filter((one) => renewAt(leaseMs)(one) <= now);
  const { lost, ...found } = await store.write(async (tx) => ({
    lost: await renew(tx, near, leaseUntil),
    jobs: hands > 0 ? await tx.jobs.claim({ queue, now, owner, leaseUntil, limit: hands }) : [],
    due: await tx.jobs.nextDue(queue, now),
  }));
  for (const one of near) one.leaseUntil = leaseUntil;
  for (const { job, abort } of lost) abort.abort(new Stopped(`the job ${job.id} went to another worker`));
  return found;
};

/** Renew a lease once a third of it has passed. */
const renewAt =
  (leaseMs: number) =>
  ({ leaseUntil }: Running): number =>
    leaseUntil - (leaseMs * 2) / 3;

/** Returns the jobs that another worker has taken. */
const renew = async (tx: Tx, near: readonly Running[], leaseUntil: number): Promise<Running[]> => {
  const lost: Running[] = [];
  for (const one of near) if (!(await updateHeld(tx, one.job, { leaseUntil }))) lost.push(one);
  return lost;
};
