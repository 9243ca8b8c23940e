/**
 * A durable job queue in the store: a job is added in the transaction that needs it, and it survives the
 * server. A job identifies its work by ids only; its handler reads the records and may run more than once.
 *
 * Every job ends in `done`, `failed` or `cancelled`, written only under the lease and fence of the worker
 * that holds it. A vanished worker is detected when its lease expires, or by `recover` at the next start.
 * After three such crashes the job is given up, because it may be what kills the server.
 */
import type { Json } from '@berth/plugin-api';
import { assert } from '../assert.ts';
import type { Ids } from '../ids.ts';
import { cancelled } from '../interrupt.ts';
import { toJson } from '../json.ts';
import { type Log, silentLog } from '../log.ts';
import type { ReadTx, Store, Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import type { Handler } from './handling.ts';
import {
  cancelWaiting,
  countWaiting,
  findLive,
  type HastenFilter,
  hasten,
  putBack,
  type Recovery,
  removeEnded,
  reschedule,
  topicOf,
} from './rows.ts';
import { startTrials, type Trials } from './trials.ts';
import { startWorker, type Worker } from './worker.ts';

export interface Queue {
  /**
   * Adds a job, in the caller's transaction if there is one. A free worker starts it as soon as the transaction
   * commits.
   */
  add(tx: Tx | undefined, queue: string, data: Json, options?: AddOptions): Promise<Job>;
  /** The waiting and active jobs of a key, oldest first. */
  find(tx: ReadTx, key: string): Promise<Job[]>;
  /**
   * Moves the start of waiting jobs; a job for which `momentOf` returns undefined stays. Returns how many
   * moved.
   */
  reschedule(tx: Tx, momentOf: (job: Job) => number | undefined): Promise<number>;
  /** Starts the worker of a queue; at most one per queue and process. */
  process(queue: string, handler: Handler, options: ProcessOptions): void;
  /**
   * Cancels a waiting job at once. Aborts the signal of an active one with `work.cancelled`; it is cancelled
   * once its handler rejects. Returns false when there is nothing to cancel in this process.
   */
  cancel(id: string, reason: string): Promise<boolean>;
  /**
   * Makes deferred jobs due at once: those that wait for a topic, or, given a key, all of that key. The
   * notice carries the topic. Returns how many.
   */
  hasten(tx: Tx, wanted: HastenFilter): Promise<number>;
  /** How many deferred jobs wait for the topic. */
  countWaiting(tx: ReadTx, topic: string): Promise<number>;
  /** Checks at once for due jobs, because the clock or something a job waits for has changed. */
  wake(): void;
  /** Number of jobs in each state. */
  stats(): Promise<Record<Job['state'], number>>;
  /**
   * For a store with a single process: requeues the jobs that earlier processes held and counts a crash
   * against the likely culprits. Call it before `process`.
   */
  recover(how?: Recovery): Promise<number>;
  /** Removes ended jobs last updated before the given time, at most 200 per call. Returns how many. */
  prune(before: number): Promise<number>;
  /**
   * Stops every handler and waits for it. Unfinished jobs are released, so the next start can claim them at
   * once.
   */
  close(): Promise<void>;
}

export interface ProcessOptions {
  /** Maximum number of concurrent jobs. */
  readonly concurrency: number;
  /** Called in the transaction that fails a job because it crashed the server too often. */
  readonly onGivenUp?: ((tx: Tx, job: Job) => Promise<unknown>) | undefined;
}

export interface AddOptions {
  /** 1–10, where 10 is first. Default: 5. */
  readonly priority?: number | undefined;
  readonly delayMs?: number | undefined;
  /** Jobs with the same key run one after the other. */
  readonly key?: string | undefined;
}

export interface QueueDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Identifies this process; different at every start. */
  readonly owner: string;
  readonly log?: Log;
  /** How long a worker may be silent before another takes over its jobs. */
  readonly leaseMs?: number;
}

const DEFAULT_LEASE_MS = 30_000;
/** Attempts while a job fails with a retryable kind. */
const MAX_ATTEMPTS = 3;
/** Delay before the second attempt; doubles each time. */
const BACKOFF_MS = 1000;

export const createQueue = (deps: QueueDeps): Queue => {
  const { store, clock, ids, owner, log = silentLog, leaseMs = DEFAULT_LEASE_MS } = deps;
  const workers = new Map<string, Worker>();
  let trials: Trials | undefined;

  const unsubscribe = store.notices.subscribe(({ topics }) => {
    for (const [queue, worker] of workers) if (topics.has(topicOf(queue))) worker.wake();
  });

  const insert = async (tx: Tx, queue: string, data: Json, options: AddOptions): Promise<Job> => {
    tx.notify(topicOf(queue));
    const job = newJob({ ...options, id: ids.new('job'), queue, data, now: clock.now() });
    return tx.table('jobs').insert(job);
  };

  return {
    add: (tx, queue, data, options = {}) =>
      tx === undefined
        ? store.write((own) => insert(own, queue, data, options))
        : insert(tx, queue, data, options),
    find: findLive,
    reschedule,
    process(queue, handler, { concurrency, onGivenUp }) {
      assert(!workers.has(queue), `the queue ${queue} has one worker`);
      const worker = startWorker({
        ...{ store, clock, log, owner, leaseMs },
        ...{ queue, handler, concurrency, onGivenUp },
      });
      workers.set(queue, worker);
      worker.wake();
    },
    async cancel(id, reason) {
      const error = cancelled(reason);
      const job = await store.write((tx) => cancelWaiting(tx, id, error));
      if (job?.state === 'active') return workers.get(job.queue)?.abort(id, error) ?? false;
      return job?.state === 'cancelled';
    },
    hasten,
    countWaiting,
    wake() {
      for (const worker of workers.values()) worker.wake();
    },
    async stats() {
      const counts = await store.read((tx) => tx.table('jobs').countBy('state'));
      return { waiting: 0, active: 0, done: 0, failed: 0, cancelled: 0, ...counts };
    },
    async recover(how = { progressOf: async () => '', order: [] }) {
      const turns = await store.write((tx) => putBack(tx, { owner, now: clock.now(), leaseMs, ...how }));
      trials = startTrials({ store, clock, log }, turns);
      return turns.flat().length;
    },
    prune: (before) => store.write((tx) => removeEnded(tx, before)),
    async close() {
      unsubscribe();
      await trials?.stop();
      await Promise.all([...workers.values()].map((worker) => worker.close()));
    },
  };
};

const newJob = (
  job: AddOptions & {
    readonly id: string;
    readonly queue: string;
    readonly data: Json;
    readonly now: number;
  },
) => {
  const { id, queue, data, now, key, priority = 5, delayMs = 0 } = job;
  assert(Number.isInteger(priority) && priority >= 1 && priority <= 10, 'a priority is 1 to 10');
  return {
    ...{ id, queue, key, priority, maxAttempts: MAX_ATTEMPTS, backoffMs: BACKOFF_MS },
    data: toJson(data, `the data of ${id}`),
    state: 'waiting',
    runAt: now + delayMs,
    attempts: 0,
    crashes: 0,
    fence: 0,
  } as const;
};
