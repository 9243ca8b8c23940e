/**
 * The queue: work that has been promised, in the store, so that a promise is made in the transaction that needs it and
 * outlives the server. A job says what to do by ids alone; its handler reads the records and may be run again.
 *
 * Every job ends in `done`, `failed` or `cancelled`, and only under the lease and the fence of the worker that
 * has it. A worker that vanished is noticed by its lease, or by `recover` at the next start; after three such crashes
 * the job is given up, because it may be what kills the server.
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
  type HastenWanted,
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
   * Adds a job, in the caller's transaction when there is one. A job whose id exists is left as it is and returned.
   * A free worker starts it at the moment of the commit.
   */
  add(tx: Tx | undefined, queue: string, data: Json, options?: AddOptions): Promise<Job>;
  /** The jobs of a key that wait or are worked on, oldest first. */
  find(tx: ReadTx, key: string): Promise<Job[]>;
  /** Has waiting jobs begin at another moment; one stays for which there is none. Returns how many moved. */
  reschedule(tx: Tx, momentOf: (job: Job) => number | undefined): Promise<number>;
  /** Starts the worker of a queue. One per queue and process. */
  process(queue: string, handler: Handler, options: ProcessOptions): void;
  /**
   * A waiting job is cancelled at once; a running one gets its signal aborted with `work.cancelled` and is cancelled
   * when its handler rejects. False when there is nothing to cancel here.
   */
  cancel(id: string, reason: string): Promise<boolean>;
  /** Lets running jobs end and starts no more; for as long as this process lives. */
  pause(queue: string): void;
  resume(queue: string): void;
  /** Begins again what waits without a worker: for something that is there now, or, of a key, for whatever it is. The topic is in the notice. Returns how many. */
  hasten(tx: Tx, wanted: HastenWanted): Promise<number>;
  /** How many wait for it without a worker. */
  countWaiting(tx: ReadTx, topic: string): Promise<number>;
  /** Looks at once for what is due: the clock, or what was to be waited for, was changed. */
  wake(): void;
  /** All jobs by state. */
  stats(): Promise<Record<Job['state'], number>>;
  /**
   * For a store that one process uses: puts back what earlier processes had, with a crash more where it counts. Before
   * `process`.
   */
  recover(how?: Recovery): Promise<number>;
  /** Removes ended jobs that were last touched before a moment, at most 200 at once. Returns how many. */
  prune(before: number): Promise<number>;
  /** Stops every handler and waits for it; unfinished jobs are free for the next start at once. */
  close(): Promise<void>;
}

export interface ProcessOptions {
  /** Jobs at the same time. */
  readonly concurrency: number;
  /** Called in the transaction that fails a job because the server died in it too often. */
  readonly onGivenUp?: ((tx: Tx, job: Job) => Promise<unknown>) | undefined;
}

export interface AddOptions {
  /** Makes adding idempotent. */
  readonly id?: string | undefined;
  /** 1–10, 10 first; 5 when absent. */
  readonly priority?: number | undefined;
  readonly delayMs?: number | undefined;
  /** Tries while it fails with a retryable kind; 3 when absent. */
  readonly maxAttempts?: number | undefined;
  /** Before the second try; doubled each time. 1000 when absent. */
  readonly backoffMs?: number | undefined;
  /** Jobs of one key run one after the other. */
  readonly key?: string | undefined;
}

export interface QueueDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Names this process; another at every start. */
  readonly owner: string;
  readonly log?: Log;
  /** How long a worker may be silent before its jobs go to another. */
  readonly leaseMs?: number;
}

const DEFAULT_LEASE_MS = 30_000;

export const createQueue = (deps: QueueDeps): Queue => {
  const { store, clock, ids, owner, log = silentLog, leaseMs = DEFAULT_LEASE_MS } = deps;
  const workers = new Map<string, Worker>();
  let trials: Trials | undefined;

  const unsubscribe = store.notices.subscribe(({ topics }) => {
    for (const [queue, worker] of workers) if (topics.has(topicOf(queue))) worker.wake();
  });

  const insert = async (tx: Tx, queue: string, data: Json, options: AddOptions): Promise<Job> => {
    const id = options.id ?? ids.new('job');
    const there = await tx.table('jobs').get(id);
    if (there !== undefined) return there;
    tx.notify(topicOf(queue));
    return tx.table('jobs').insert(newJob({ ...options, id, queue, data, now: clock.now() }));
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
    pause: (queue) => workers.get(queue)?.pause(),
    resume: (queue) => workers.get(queue)?.resume(),
    wake() {
      for (const worker of workers.values()) worker.wake();
    },
    async stats() {
      const counts = await store.read((tx) => tx.table('jobs').countBy('state'));
      return { waiting: 0, active: 0, done: 0, failed: 0, cancelled: 0, ...counts };
    },
    async recover(how = { placeOf: async () => '', order: [] }) {
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
  const { id, queue, data, now, key, priority = 5, delayMs = 0, maxAttempts = 3, backoffMs = 1000 } = job;
  assert(Number.isInteger(priority) && priority >= 1 && priority <= 10, 'a priority is 1 to 10');
  return {
    ...{ id, queue, key, priority, maxAttempts, backoffMs },
    data: toJson(data, `the data of ${id}`),
    state: 'waiting',
    runAt: now + delayMs,
    attempts: 0,
    crashes: 0,
    fence: 0,
  } as const;
};
