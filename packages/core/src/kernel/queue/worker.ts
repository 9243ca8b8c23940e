/**
 * The worker of one queue: claims what is due while it has hands free and keeps the leases of what runs. It never
 * polls: it wakes when a job was added, when one ended, and by one alarm for the next delay or lease.
 */

import { createCoalescingRunner } from '../coalescing-runner.ts';
import { Stopped } from '../interrupt.ts';
import type { Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { createAlarm } from '../time/clock.ts';
import { type HandlingDeps, handleJob, updateHeld } from './handling.ts';

export interface Worker {
  wake(): void;
  pause(): void;
  resume(): void;
  /** False when this worker does not have the job. */
  abort(id: string, reason: unknown): boolean;
  /** Claims no more, asks every handler to stop, and waits until all have. */
  close(): Promise<void>;
}

export interface WorkerDeps extends HandlingDeps {
  readonly queue: string;
  /** Jobs at the same time. */
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
  /** By claim, not by id: a job that was lost and taken again runs beside its own past until that has ended. */
  const running = new Set<Running>();
  let state: 'open' | 'paused' | 'closed' = 'open';

  const start = (job: Job): void => {
    const abort = new AbortController();
    if (state === 'closed') abort.abort(stopped());
    const end = handleJob(deps, job, abort.signal).then(() => {
      running.delete(one);
      rounds.trigger();
    });
    const one: Running = { job, abort, end, leaseUntil: job.leaseUntil ?? 0 };
    running.add(one);
  };

  const round = async (): Promise<void> => {
    if (state === 'closed') return;
    const hands = state === 'open' ? deps.concurrency - running.size : 0;
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
    pause() {
      if (state === 'open') state = 'paused';
    },
    resume() {
      if (state === 'paused') state = 'open';
      rounds.trigger();
    },
    abort(id, reason) {
      const theirs = [...running].filter(({ job }) => job.id === id);
      for (const { abort } of theirs) abort.abort(reason);
      return theirs.length > 0;
    },
    async close() {
      state = 'closed';
      for (const { abort } of running) abort.abort(stopped());
      await rounds.whenIdle();
      alarm.stop();
      await Promise.all([...running].map(({ end }) => end));
    },
  };
};

const stopped = (): Stopped => new Stopped('the server stops');

/** Leases first, in the same transaction: after a long sleep of the machine a worker does not rob itself. */
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

/** A lease is renewed when a third of it has passed. */
const renewAt =
  (leaseMs: number) =>
  ({ leaseUntil }: Running): number =>
    leaseUntil - (leaseMs * 2) / 3;

/** Gives back those that another worker has taken. */
const renew = async (tx: Tx, near: readonly Running[], leaseUntil: number): Promise<Running[]> => {
  const lost: Running[] = [];
  for (const one of near) if (!(await updateHeld(tx, one.job, { leaseUntil }))) lost.push(one);
  return lost;
};
