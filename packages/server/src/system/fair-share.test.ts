import { describe, expect, it } from 'vitest';
import { createFairShare } from './fair-share.ts';

const LIMITS = { what: 'places', total: 4, perOwner: 3, waitingPerOwner: 50, waitMs: 60_000 };

/** Lets every continuation of what happened run. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a fair share', () => {
  it('is never more than there is, in total and of one owner', async () => {
    const share = createFairShare(LIMITS);
    const held = new Map<string, number>();
    let most = 0;
    const use = async (owner: string): Promise<void> => {
      const done = await share.take(owner, 1);
      held.set(owner, (held.get(owner) ?? 0) + 1);
      most = Math.max(most, share.inUse);
      expect(held.get(owner)).toBeLessThanOrEqual(LIMITS.perOwner);
      await settled();
      held.set(owner, (held.get(owner) ?? 0) - 1);
      done();
    };
    await Promise.all(Array.from({ length: 100 }, (_, index) => use(`sb_${index % 3}`)));
    expect(most).toBe(LIMITS.total);
    expect(share.inUse).toBe(0);
  });

  it('leaves something for those who hold nothing, whatever number of others take all they can', async () => {
    const share = createFairShare({ ...LIMITS, total: 12, perOwner: 4, keptForNew: 6 });
    for (const owner of ['a', 'b', 'c', 'd', 'e', 'f'])
      for (let at = 0; at < 4; at += 1) share.take(owner, 1).catch(() => undefined);
    await settled();
    await share.take('new', 1);
    expect(share.inUse).toBeLessThanOrEqual(12);
  });

  it('goes to the owners in turn, whatever number of requests one of them makes', async () => {
    const share = createFairShare({ ...LIMITS, total: 1, perOwner: 1 });
    const order: string[] = [];
    const use = async (owner: string): Promise<void> => {
      const done = await share.take(owner, 1);
      order.push(owner);
      done();
    };
    const first = await share.take('greedy', 1);
    const all = [...Array.from({ length: 40 }, () => use('greedy')), use('modest'), use('modest')];
    first();
    await Promise.all(all);
    expect(order.slice(0, 4)).toEqual(['greedy', 'modest', 'greedy', 'modest']);
  });

  it('lets an endless row of small requests overtake a large one no more than once', async () => {
    const share = createFairShare(LIMITS);
    let passed = 0;
    let isLargeServed = false;
    const small = async (owner: string): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        const done = await share.take(owner, 1);
        if (!isLargeServed) passed += 1;
        await settled();
        done();
      }
    };
    const rows = ['a', 'a', 'b', 'b'].map(small);
    await settled();
    passed = 0;
    const large = share.take('c', 3).then((done) => {
      isLargeServed = true;
      done();
    });
    await Promise.all([large, ...rows]);
    expect(passed).toBeLessThanOrEqual(4);
  });

  it('refuses who makes too many wait, and nobody else', async () => {
    const share = createFairShare({ ...LIMITS, total: 1, perOwner: 1, waitingPerOwner: 2 });
    const first = await share.take('greedy', 1);
    const waiting = [share.take('greedy', 1), share.take('greedy', 1)];
    await expect(share.take('greedy', 1)).rejects.toMatchObject({ code: 'server.busy', kind: 'exhausted' });
    const modest = share.take('modest', 1);
    first();
    for (const next of [...waiting.slice(0, 1), modest, ...waiting.slice(1)]) (await next)();
    expect(share.inUse).toBe(0);
  });

  it('is given up after a time, and when the caller leaves', async () => {
    const share = createFairShare({ ...LIMITS, total: 1, perOwner: 1, waitMs: 20 });
    const first = await share.take('a', 1);
    await expect(share.take('a', 1)).rejects.toMatchObject({ code: 'server.busy' });
    const leaving = new AbortController();
    const left = share.take('a', 1, leaving.signal);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ code: 'work.cancelled' });
    first();
    first();
    expect(share.inUse).toBe(0);
    (await share.take('a', 1))();
  });
});
