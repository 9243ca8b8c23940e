import { fail } from '@berth/contract';
import { afterEach, describe, expect, it } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds, type Ids } from '../ids.ts';
import { Deferred, isStop } from '../interrupt.ts';
import type { Store } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import { createQueue, type Queue } from './queue.ts';

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const opened: Queue[] = [];
afterEach(async () => {
  for (const queue of opened.splice(0)) await queue.close();
});

const openWorld = () => {
  const clock = createManualClock();
  const made = createIds(clock, random);
  let jobs = 0;
  const numbered = (): string => {
    jobs += 1;
    return `jb_${jobs}`;
  };
  /** Jobs are `jb_1`, `jb_2`, … */
  const ids: Ids = { ...made, new: (noun) => (noun === 'job' ? numbered() : made.new(noun)) };
  const store = createMemoryStore({ clock, ids });
  const start = (owner = 'first', own: Store = store, ownClock: Clock = clock): Queue => {
    const queue = createQueue({ store: own, clock: ownClock, ids, owner, leaseMs: 30_000 });
    opened.push(queue);
    return queue;
  };
  const job = (id: string): Promise<Job | undefined> => store.read((tx) => tx.table('jobs').get(id));
  /** Resolves when the job is in the state, which a commit brings about. */
  const reaches = (id: string, state: Job['state']): Promise<Job> =>
    new Promise((resolve, reject) => {
      const look = async (): Promise<void> => {
        const row = await job(id);
        if (row?.state !== state) return;
        stop();
        resolve(row);
      };
      const stop = store.notices.subscribe(() => void look().catch(reject));
      look().catch(reject);
    });
  return { clock, store, start, job, reaches };
};

/** The same store, whose writes fail while it is out of order. */
const flakyStore = (store: Store, condition: { isBroken: boolean }): Store => ({
  ...store,
  write: (change) => (condition.isBroken ? Promise.reject(busy()) : store.write(change)),
});

/** A handler that waits to be told how to end, and heeds its signal. */
const puppet = () => {
  const begun: { job: Job; signal: AbortSignal; resolve: () => void; reject: (error: unknown) => void }[] =
    [];
  const waiting: (() => void)[] = [];
  const handler = (job: Job, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      begun.push({ job, signal, resolve, reject });
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
      for (const wake of waiting.splice(0)) wake();
    });
  const nth = async (count: number) => {
    while (begun.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    const one = begun[count - 1];
    if (one === undefined) throw new Error('it has begun');
    return one;
  };
  return { handler, begun, nth };
};

const busy = () => fail('store.unavailable', { reason: 'busy' });

describe('waiting without a worker', () => {
  const waitFor = (isOver = false) =>
    new Deferred({ error: busy(), topic: 'a thing', againMs: 60_000, isOver: async () => isOver });

  it('leaves the worker to others, and goes on when the wait ends, also after a restart', async () => {
    const { clock, store, start, reaches } = openWorld();
    const ready = { isReady: false };
    const handler = async (job: Job) => {
      if (job.data === 'waits' && !ready.isReady) throw waitFor();
    };
    const queue = start();
    queue.process('work', handler, { concurrency: 1 });
    const { id } = await queue.add(undefined, 'work', 'waits');
    const other = await queue.add(undefined, 'work', 'goes');
    await reaches(other.id, 'done');
    expect(await reaches(id, 'waiting')).toMatchObject({ waitsFor: 'a thing', attempts: 0 });
    await queue.close();
    const next = start('second');
    await next.recover();
    next.process('work', handler, { concurrency: 1 });
    await clock.advance(59_000);
    expect(await store.read((tx) => next.countWaiting(tx, 'a thing'))).toBe(1);
    ready.isReady = true;
    expect(await store.write((tx) => next.hasten(tx, { topic: 'another' }))).toBe(0);
    expect(await store.write((tx) => next.hasten(tx, { topic: 'a thing' }))).toBe(1);
    expect(await reaches(id, 'done')).toMatchObject({ attempts: 1 });
    expect(await store.read((tx) => next.countWaiting(tx, 'a thing'))).toBe(0);
  });

  it('misses no end that comes while the worker is let go, and comes by itself when nobody tells of it', async () => {
    const { clock, start, reaches } = openWorld();
    const queue = start();
    const tries: string[] = [];
    queue.process(
      'work',
      async ({ data }) => {
        tries.push(String(data));
        if (tries.filter((one) => one === data).length === 1) throw waitFor(data === 'over');
      },
      { concurrency: 2 },
    );
    const over = await queue.add(undefined, 'work', 'over');
    const slow = await queue.add(undefined, 'work', 'slow');
    await reaches(over.id, 'done');
    expect(tries.filter((one) => one === 'slow')).toHaveLength(1);
    await clock.advance(60_000);
    expect(await reaches(slow.id, 'done')).not.toHaveProperty('waitsFor');
  });
});

describe('adding', () => {
  it('runs a job to done, at once', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    const seen: unknown[] = [];
    queue.process('work', async (job) => void seen.push(job.data), { concurrency: 1 });
    const { id } = await queue.add(undefined, 'work', { task: 'tk_1' });
    const done = await reaches(id, 'done');
    expect(seen).toEqual([{ task: 'tk_1' }]);
    expect(done).toMatchObject({ attempts: 1, fence: 1, priority: 5 });
    expect(done.owner).toBeUndefined();
    expect(done.leaseUntil).toBeUndefined();
    expect(await queue.stats()).toEqual({ waiting: 0, active: 0, done: 1, failed: 0, cancelled: 0 });
  });

  it('starts what was added before the worker was', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', null);
    queue.process('work', async () => undefined, { concurrency: 1 });
    await reaches('jb_1', 'done');
  });

  it('is part of the transaction: nothing runs when it is rejected', async () => {
    const { start, store, reaches, job } = openWorld();
    const queue = start();
    queue.process('work', async () => undefined, { concurrency: 1 });
    const change = store.write(async (tx) => {
      await queue.add(tx, 'work', null);
      throw new Error('no');
    });
    await expect(change).rejects.toThrow('no');
    await store.write((tx) => queue.add(tx, 'work', null));
    await reaches('jb_2', 'done');
    expect(await job('jb_1')).toBeUndefined();
  });

  it('refuses a priority outside of 1 to 10, and data that is not JSON', async () => {
    const queue = openWorld().start();
    await expect(queue.add(undefined, 'work', null, { priority: 11 })).rejects.toThrow('priority');
    await expect(queue.add(undefined, 'work', null, { priority: 0 })).rejects.toThrow('priority');
    await expect(queue.add(undefined, 'work', Number.NaN)).rejects.toThrow('JSON');
  });

  it('waits for its delay, by one alarm', async () => {
    const { start, clock, reaches, job } = openWorld();
    const queue = start();
    queue.process('work', async () => undefined, { concurrency: 1 });
    await queue.add(undefined, 'work', null, { delayMs: 5000 });
    await clock.advance(4999);
    expect(await job('jb_1')).toMatchObject({ state: 'waiting' });
    await clock.advance(1);
    await reaches('jb_1', 'done');
  });
});

describe('running', () => {
  it('takes as many as it has hands, by priority, and keys one after the other', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', 'low', { priority: 1 });
    await queue.add(undefined, 'work', 'a', { key: 'k', priority: 10 });
    await queue.add(undefined, 'work', 'b', { key: 'k', priority: 9 });
    const { handler, begun, nth } = puppet();
    queue.process('work', handler, { concurrency: 2 });
    (await nth(2)).resolve();
    const second = await nth(2);
    expect(begun.map(({ job }) => job.data)).toEqual(['a', 'low']);
    await reaches(second.job.id, 'done');
    expect(begun).toHaveLength(2);
    (await nth(1)).resolve();
    (await nth(3)).resolve();
    await reaches('jb_3', 'done');
    expect(begun.map(({ job }) => job.data)).toEqual(['a', 'low', 'b']);
  });

  it('tries again after a retryable failure, later each time, then fails', async () => {
    const { start, clock, reaches, job } = openWorld();
    const queue = start();
    const at: number[] = [];
    const begin = clock.now();
    const handler = async () => {
      at.push(clock.now() - begin);
      throw busy();
    };
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    await clock.advance(0);
    expect(await job('jb_1')).toMatchObject({ state: 'waiting', error: { code: 'store.unavailable' } });
    await clock.through(reaches('jb_1', 'failed'));
    expect(at).toEqual([0, 1000, 3000]);
  });

  it('does not count a crash of the server as a try', async () => {
    const { start, store, clock, job } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', null);
    await store.write((tx) => tx.table('jobs').update('jb_1', 1, { attempts: 2, crashes: 2 }));
    queue.process('work', () => Promise.reject(busy()), { concurrency: 1 });
    await clock.advance(0);
    expect(await job('jb_1')).toMatchObject({ state: 'waiting', attempts: 3, crashes: 2 });
  });

  it('fails at once when another try cannot help; a bug becomes server.failed with the job as reference', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    const handler = async (job: Job) => {
      throw job.data === 'bug' ? new TypeError('oops') : fail('record.missing', { noun: 'task', id: 'x' });
    };
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', 'bug');
    await queue.add(undefined, 'work', 'gone');
    expect(await reaches('jb_1', 'failed')).toMatchObject({
      error: { code: 'server.failed', details: { reference: 'jb_1' } },
    });
    expect(await reaches('jb_2', 'failed')).toMatchObject({ attempts: 1, error: { code: 'record.missing' } });
  });

  it('goes on when the store was out of order for a moment', async () => {
    const { start, store, clock, reaches } = openWorld();
    const condition = { isBroken: true };
    const queue = start('first', flakyStore(store, condition));
    queue.process('work', async () => undefined, { concurrency: 1 });
    await clock.advance(0);
    condition.isBroken = false;
    await queue.add(undefined, 'work', null);
    await clock.through(reaches('jb_1', 'done'));
  });
});

describe('cancelling', () => {
  it('cancels what waits', async () => {
    const { start, job } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', null);
    expect(await queue.cancel('jb_1', 'not needed')).toBe(true);
    expect(await job('jb_1')).toMatchObject({
      state: 'cancelled',
      error: { code: 'work.cancelled', details: { reason: 'not needed' } },
    });
  });

  it('aborts what runs, and it is cancelled once its handler has ended', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    const { handler, nth } = puppet();
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    const { signal } = await nth(1);
    expect(await queue.cancel('jb_1', 'enough')).toBe(true);
    expect(isStop(signal.reason)).toBe(false);
    expect(await reaches('jb_1', 'cancelled')).toMatchObject({ error: { message: 'Cancelled: enough.' } });
  });

  it('takes a handler by its word that its work was cancelled', async () => {
    const { start, reaches } = openWorld();
    const queue = start();
    const handler = async () => {
      throw fail('work.cancelled', { reason: 'by somebody' });
    };
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    await reaches('jb_1', 'cancelled');
  });

  it('has nothing to cancel in what has ended, is unknown, or runs elsewhere', async () => {
    const { start, reaches } = openWorld();
    const [here, there] = [start('here'), start('there')];
    const { handler, nth } = puppet();
    here.process('work', handler, { concurrency: 1 });
    await here.add(undefined, 'work', null);
    const first = await nth(1);
    expect(await there.cancel('jb_1', 'x')).toBe(false);
    expect(await there.cancel('jb_none', 'x')).toBe(false);
    first.resolve();
    await reaches('jb_1', 'done');
    expect(await here.cancel('jb_1', 'x')).toBe(false);
  });
});

describe('stopping and crashing', () => {
  it('frees unfinished jobs on close, as if they had not been tried', async () => {
    const { start, job, reaches } = openWorld();
    const queue = start();
    const { handler, nth } = puppet();
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    const { signal } = await nth(1);
    await queue.close();
    expect(isStop(signal.reason)).toBe(true);
    const freed = await job('jb_1');
    expect(freed).toMatchObject({ state: 'waiting', attempts: 0, crashes: 0 });
    expect(freed?.owner).toBeUndefined();
    const next = start('second');
    next.process('work', async () => undefined, { concurrency: 1 });
    await reaches('jb_1', 'done');
  });

  it('does not begin a job that was claimed while it closed', async () => {
    const { start, job } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', null);
    const { handler, begun } = puppet();
    queue.process('work', handler, { concurrency: 1 });
    await queue.close();
    expect(begun).toHaveLength(0);
    expect(await job('jb_1')).toMatchObject({ state: 'waiting', attempts: 0 });
  });

  it('keeps the lease of what runs long', async () => {
    const { start, clock, reaches, job } = openWorld();
    const [queue, other] = [start('first'), start('second')];
    const { handler, begun, nth } = puppet();
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    await nth(1);
    other.process('work', handler, { concurrency: 1 });
    await clock.advance(200_000);
    expect(begun).toHaveLength(1);
    expect((await job('jb_1'))?.leaseUntil).toBeGreaterThan(clock.now());
    (await nth(1)).resolve();
    await reaches('jb_1', 'done');
  });

  it('takes over from a worker that fell silent, whose word counts no more', async () => {
    const { start, store, clock, reaches } = openWorld();
    const frozen = createManualClock(clock.now());
    const [silent, other] = [start('silent', store, frozen), start('other')];
    const { handler, nth } = puppet();
    silent.process('work', handler, { concurrency: 1 });
    await silent.add(undefined, 'work', null);
    const old = await nth(1);
    other.process('work', handler, { concurrency: 1 });
    await clock.advance(30_000);
    const taken = await nth(2);
    expect(taken.job).toMatchObject({ owner: 'other', fence: 2, crashes: 1 });

    await frozen.advance(15_000);
    expect(isStop(old.signal.reason)).toBe(true);
    expect((await store.read((tx) => tx.table('jobs').get('jb_1')))?.owner).toBe('other');
    taken.resolve();
    await reaches('jb_1', 'done');
  });

  it('does not let a late worker finish what another has', async () => {
    const { start, store, clock } = openWorld();
    const frozen = createManualClock(clock.now());
    const [silent, other] = [start('silent', store, frozen), start('other')];
    const { handler, nth } = puppet();
    silent.process('work', handler, { concurrency: 1 });
    await silent.add(undefined, 'work', null);
    const old = await nth(1);
    other.process('work', handler, { concurrency: 1 });
    await clock.advance(30_000);
    await nth(2);
    old.resolve();
    await frozen.advance(0);
    expect(await store.read((tx) => tx.table('jobs').get('jb_1'))).toMatchObject({
      state: 'active',
      owner: 'other',
    });
  });

  it('puts back at the next start what a dead process had', async () => {
    const { start, store, reaches } = openWorld();
    const dead = start('dead');
    await dead.add(undefined, 'work', null);
    await store.write((tx) =>
      tx.jobs.claim({
        queue: 'work',
        now: Date.now(),
        owner: 'dead',
        leaseUntil: Date.now() + 30_000,
        limit: 1,
      }),
    );
    const queue = start('alive');
    expect(await queue.recover()).toBe(1);
    expect(await queue.recover()).toBe(0);
    queue.process('work', async () => undefined, { concurrency: 1 });
    expect(await reaches('jb_1', 'done')).toMatchObject({ crashes: 1, attempts: 2 });
  });

  it('leaves alone at its start what it runs itself', async () => {
    const { start, job, reaches } = openWorld();
    const queue = start();
    const { handler, nth } = puppet();
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    const running = await nth(1);
    expect(await queue.recover()).toBe(0);
    expect(await job('jb_1')).toMatchObject({ state: 'active', crashes: 0 });
    running.resolve();
    await reaches('jb_1', 'done');
  });

  it('gives a job up after three crashes, and says so in the same transaction', async () => {
    const { start, store, reaches } = openWorld();
    const queue = start();
    await queue.add(undefined, 'work', null);
    await store.write((tx) => tx.table('jobs').update('jb_1', 1, { crashes: 3, attempts: 3 }));
    const { handler, begun } = puppet();
    queue.process('work', handler, {
      concurrency: 1,
      onGivenUp: (tx, job) => tx.emit({ type: 'task.created', subject: job.id, data: { title: 'given up' } }),
    });
    expect(await reaches('jb_1', 'failed')).toMatchObject({ error: { code: 'work.crashed' } });
    expect(begun).toHaveLength(0);
    expect(await store.read((tx) => tx.events({ afterSeq: 0, limit: 9 }))).toMatchObject([
      { subject: 'jb_1' },
    ]);
  });

  it('finds a job again by its lease when its end could not be written', async () => {
    const { start, store, clock, reaches } = openWorld();
    const condition = { isBroken: false };
    const queue = start('first', flakyStore(store, condition));
    let runs = 0;
    const handler = async () => {
      runs += 1;
      condition.isBroken = runs === 1;
    };
    queue.process('work', handler, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    await clock.advance(10);
    expect(runs).toBe(1);
    condition.isBroken = false;
    await clock.through(reaches('jb_1', 'done'));
    expect(runs).toBe(2);
  });
});

describe('housekeeping', () => {
  it('removes ended jobs of before a moment', async () => {
    const { start, clock, reaches } = openWorld();
    const queue = start();
    queue.process('work', async () => undefined, { concurrency: 1 });
    await queue.add(undefined, 'work', null);
    await reaches('jb_1', 'done');
    await clock.advance(1000);
    await queue.add(undefined, 'work', null);
    await reaches('jb_2', 'done');
    await queue.add(undefined, 'idle', null);
    expect(await queue.prune(clock.now())).toBe(1);
    expect(await queue.stats()).toMatchObject({ done: 1, waiting: 1 });
  });

  it('has one worker per queue', () => {
    const queue = openWorld().start();
    queue.process('work', async () => undefined, { concurrency: 1 });
    expect(() => queue.process('work', async () => undefined, { concurrency: 1 })).toThrow('one worker');
  });
});
