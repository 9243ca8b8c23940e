import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Seed, simulate } from './simulate.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const run = (seed: Seed) => simulate(digest, seed);

test('without faults every task ends, and what was good has landed', async () => {
  const { broken, lives, tasks } = await run({ seed: 1, steps: 20, failing: 0, deadly: 0 });
  expect(broken).toEqual([]);
  expect(lives).toBe(1);
  expect(tasks.completed).toBeGreaterThan(1);
});

test('the same seed is the same story', async () => {
  const seed = { seed: 7, steps: 10, failing: 4, deadly: 2 };
  expect(await run(seed)).toEqual(await run(seed));
});

/** The kinds of trouble, each with a share of the seeds. */
const TROUBLES = [
  { name: 'calls that fail, come late, or act and then fail', failing: 5, deadly: 0 },
  { name: 'a core that dies at any moment', failing: 0, deadly: 2 },
  { name: 'both, and machines that die', failing: 3, deadly: 1, dying: 3 },
  { name: 'both, while all that ended is forgotten at once', failing: 3, deadly: 2, hasty: true },
  { name: 'both, with a driver that keeps no disks', failing: 3, deadly: 1, setup: false },
  { name: 'both, with tasks that come after others', failing: 2, deadly: 2, dependent: 60 },
];
const SEEDS_EACH = 20;
/** Of sandboxes at the same time, in turns: plenty, the least that a task needs, and one more. */
const CEILINGS = [20, 2, 3];

describe.each(TROUBLES)('$name', ({ name, ...trouble }) => {
  const seeds = Array.from({ length: SEEDS_EACH }, (_, n) => 1000 + n);
  test.each(seeds)('seed %i keeps every promise', async (seed) => {
    const ceiling = CEILINGS[seed % CEILINGS.length];
    const { broken } = await run({ ...trouble, seed, steps: 12, ceiling });
    expect(broken, name).toEqual([]);
  });
});

const folder = new URL('seeds/', import.meta.url);

describe('seeds that broke a promise once', () => {
  test.each(readdirSync(folder))('%s keeps every promise', async (file) => {
    const seed: Seed = JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
    expect((await run(seed)).broken).toEqual([]);
  });
});
