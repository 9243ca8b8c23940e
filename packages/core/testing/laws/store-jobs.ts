/** Laws of the queue's table: which jobs are claimed, which wait, and when to check again. */
import { expect, it } from 'vitest';
import { addJobs, claimed, claimIds, job } from './fixtures.ts';
import type { Fresh } from './store.ts';

export const jobLaws = (fresh: Fresh): void => {
  it('takes by priority, 10 first, then by time, then by id', async () => {
    const store = await fresh();
    await addJobs(
      store,
      job('jb_late', { runAt: 20 }),
      job('jb_b', { runAt: 10 }),
      job('jb_a', { runAt: 10 }),
      job('jb_low', { priority: 1 }),
      job('jb_high', { priority: 10, runAt: 30 }),
    );
    expect(await claimIds(store, { now: 30 })).toEqual(['jb_high', 'jb_a', 'jb_b', 'jb_late', 'jb_low']);
  });

  it('takes only what is due, of its own queue, up to the limit, and once', async () => {
    const store = await fresh();
    await addJobs(
      store,
      job('jb_1'),
      job('jb_2'),
      job('jb_3', { runAt: 100 }),
      job('jb_4', { queue: 'other' }),
      job('jb_5', { state: 'done' }),
    );
    expect(await claimIds(store, { now: 99, limit: 1 })).toEqual(['jb_1']);
    expect(await claimIds(store, { now: 99 })).toEqual(['jb_2']);
    expect(await claimIds(store, { now: 99 })).toEqual([]);
    expect(await claimIds(store, { now: 100 })).toEqual(['jb_3']);
    expect(await claimIds(store, { now: 100, limit: 0, queue: 'other' })).toEqual([]);
  });

  it('makes a taken job active under its owner, its lease and a new fence', async () => {
    const store = await fresh();
    await addJobs(store, job('jb_1', { attempts: 1, fence: 4 }));
    const [taken] = await claimed(store, { now: 5, leaseMs: 10 });
    expect(taken).toMatchObject({
      state: 'active',
      owner: 'worker',
      leaseUntil: 15,
      attempts: 2,
      fence: 5,
      crashes: 0,
      revision: 2,
    });
    expect(await store.read((tx) => tx.table('jobs').get('jb_1'))).toEqual(taken);
  });

  it('claims a job again when its lease has expired, and counts the crash', async () => {
    const store = await fresh();
    await addJobs(store, job('jb_1'));
    expect(await claimIds(store, { now: 0, leaseMs: 10 })).toEqual(['jb_1']);
    expect(await claimIds(store, { now: 9 })).toEqual([]);
    const [again] = await claimed(store, { now: 10 });
    expect(again).toMatchObject({ attempts: 2, fence: 2, crashes: 1 });
  });

  it('runs one job of a key at a time, the most urgent first', async () => {
    const store = await fresh();
    await addJobs(
      store,
      job('jb_1', { key: 'k' }),
      job('jb_2', { key: 'k', priority: 9 }),
      job('jb_3', { key: 'other' }),
      job('jb_4'),
      job('jb_5'),
    );
    expect(await claimIds(store, { now: 0 })).toEqual(['jb_2', 'jb_3', 'jb_4', 'jb_5']);
    expect(await claimIds(store, { now: 0 })).toEqual([]);
    await store.write((tx) => tx.table('jobs').update('jb_2', 2, { state: 'done' }));
    expect(await claimIds(store, { now: 0 })).toEqual(['jb_1']);
  });

  it('fills its limit past jobs whose key is held', async () => {
    const store = await fresh();
    await addJobs(store, job('jb_1', { key: 'k' }), job('jb_2', { key: 'k' }), job('jb_3'));
    expect(await claimIds(store, { now: 0, limit: 2 })).toEqual(['jb_1', 'jb_3']);
  });

  it('holds a key within its queue only, and no longer than the lease', async () => {
    const store = await fresh();
    await addJobs(store, job('jb_1', { key: 'k', priority: 1 }), job('jb_2', { key: 'k', queue: 'other' }));
    expect(await claimIds(store, { now: 0, leaseMs: 10 })).toEqual(['jb_1']);
    expect(await claimIds(store, { now: 0, queue: 'other' })).toEqual(['jb_2']);
    await addJobs(store, job('jb_3', { key: 'k', priority: 9 }));
    expect(await claimIds(store, { now: 9 })).toEqual([]);
    expect(await claimIds(store, { now: 10 })).toEqual(['jb_3']);
    expect(await claimIds(store, { now: 10 })).toEqual([]);
  });

  it('gives every job to exactly one of many concurrent claimers', async () => {
    const store = await fresh();
    await addJobs(store, ...Array.from({ length: 20 }, (_, at) => job(`jb_${at}`)));
    const takes = await Promise.all(Array.from({ length: 10 }, () => claimIds(store, { now: 0, limit: 3 })));
    expect(new Set(takes.flat()).size).toBe(20);
    expect(takes.flat()).toHaveLength(20);
  });

  it('reports when to check again: the next delay or lease to expire, not what is already due', async () => {
    const store = await fresh();
    const nextDue = (now: number, queue = 'work') => store.write((tx) => tx.jobs.nextDue(queue, now));
    expect(await nextDue(0)).toBeUndefined();
    await addJobs(
      store,
      job('jb_due'),
      job('jb_soon', { runAt: 50 }),
      job('jb_late', { runAt: 90 }),
      job('jb_other', { runAt: 5, queue: 'other' }),
      job('jb_past', { runAt: 7, state: 'cancelled' }),
    );
    expect(await nextDue(0)).toBe(50);
    expect(await nextDue(50)).toBe(90);
    expect(await nextDue(90)).toBeUndefined();
    await claimed(store, { now: 0, leaseMs: 20 });
    expect(await nextDue(0)).toBe(20);
    expect(await nextDue(0, 'other')).toBe(5);
  });
};
