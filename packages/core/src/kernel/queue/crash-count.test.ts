import { expect, it } from 'vitest';
import type { Job } from '../store/tables.ts';
import { isGivenUp, isSuspect, judgeAfterCrash } from './crash-count.ts';

const LEASE_MS = 30_000;
const NOW = 1_000_000;

/** A job that was claimed and last kept its lease some time later. */
const found = (id: string, progress: string, before: Partial<Job> = {}, ranMs = 0) => {
  const claimedAt = 500_000;
  const job: Job = {
    ...{
      id,
      queue: 'work',
      state: 'active',
      data: null,
      priority: 5,
      runAt: 0,
      maxAttempts: 3,
      backoffMs: 1,
    },
    ...{ attempts: 1, crashes: 0, fence: 1, revision: 1, createdAt: 0, updatedAt: 0 },
    ...{ claimedAt, leaseUntil: claimedAt + ranMs + LEASE_MS },
    ...before,
  };
  return { job, progress };
};
const judge = (...jobs: ReturnType<typeof found>[]) =>
  judgeAfterCrash(jobs, { now: NOW, leaseMs: LEASE_MS, order: ['first', 'work'] }).map(({ patch }) => patch);

it('counts deaths without progress, and begins anew with a job that got on', () => {
  const [first] = judge(found('a', 'x'));
  expect(first).toMatchObject({
    state: 'waiting',
    crashes: 1,
    crashPlace: 'x',
    attempts: 1,
    owner: undefined,
  });
  const [again] = judge(found('a', 'x', { crashes: 1, crashPlace: 'x', attempts: 2 }));
  expect(again).toMatchObject({ crashes: 2, attempts: 2 });
  const [further] = judge(found('a', 'y', { crashes: 2, crashPlace: 'x', attempts: 3 }));
  expect(further).toMatchObject({ crashes: 1, crashPlace: 'y', attempts: 1 });
});

it('does not count a death against a job that had run well for a while', () => {
  const before = { crashes: 2, crashPlace: 'x', attempts: 3 };
  expect(judge(found('a', 'x', before, 30_000))[0]).toMatchObject({ crashes: 2, attempts: 2 });
  expect(judge(found('a', 'x', before, 10_000))[0]).toMatchObject({ crashes: 3, attempts: 3 });
  expect(judge(found('a', 'y', before, 30_000))[0]).toMatchObject({ crashes: 0, attempts: 0 });
  expect(judge(found('a', 'y', {}, 3_600_000))[0]).toMatchObject({ crashes: 0 });
});

it('gives up one that gets on a little before each death, and counts anew once it ran well', () => {
  const counts = (earlyDeaths: number) => ({ crashes: 1, crashPlace: 'x', earlyDeaths });
  const after = (earlyDeaths: number, ranMs = 0) => {
    const [patch] = judge(found('a', 'y', counts(earlyDeaths), ranMs));
    return { crashes: patch?.crashes ?? 0, earlyDeaths: patch?.earlyDeaths };
  };
  expect(after(1)).toMatchObject({ crashes: 1, earlyDeaths: 2 });
  expect([after(2), after(3)].map(isSuspect)).toEqual([false, true]);
  expect([after(8), after(9)].map(isGivenUp)).toEqual([false, true]);
  expect(after(9, 30_000)).toMatchObject({ crashes: 0, earlyDeaths: 0 });
});

it('gives each suspect a turn of its own, after those that others wait for', () => {
  const before = { crashes: 1, crashPlace: 'x', attempts: 2 };
  const jobs = [found('b', 'x', before), found('a', 'x', before), found('c', 'z'), found('d', 'z')];
  const waitedFor = found('e', 'z', { queue: 'first' });
  const verdicts = judgeAfterCrash([...jobs, waitedFor], {
    now: NOW,
    leaseMs: LEASE_MS,
    order: ['first', 'work'],
  });
  expect(verdicts.map(({ job, turn, patch }) => [job.id, turn, patch.runAt])).toEqual([
    ['e', 0, 0],
    ['c', 0, 0],
    ['d', 0, 0],
    ['a', 1, NOW + 40_000],
    ['b', 2, NOW + 80_000],
  ]);
  const alone = judgeAfterCrash([...jobs.slice(2), waitedFor], { now: NOW, leaseMs: LEASE_MS, order: [] });
  expect(alone.map(({ turn }) => turn)).toEqual([0, 0, 0]);
});
