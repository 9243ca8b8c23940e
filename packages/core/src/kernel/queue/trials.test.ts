import { afterEach, beforeEach, expect, it } from 'vitest';
import { createManualClock, type ManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import type { Store } from '../store/store.ts';
import { createQueue, type Queue } from './queue.ts';

let clock: ManualClock;
let store: Store;
let queue: Queue;
let began: string[];
/** Jobs that end. */
let over: Set<string>;

beforeEach(async () => {
  clock = createManualClock();
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  store = createMemoryStore({ clock, ids });
  queue = createQueue({ store, clock, ids, owner: 'second', leaseMs: 30_000 });
  began = [];
  over = new Set();
});
afterEach(() => queue.close());

/** A job of the queue of its name that was under way at the last death, and had made `progress` by the one before. */
const died = async (name: string, progress: string | undefined): Promise<string> => {
  const { id } = await queue.add(undefined, name, null);
  const claim = {
    state: 'active',
    owner: 'first',
    claimedAt: clock.now(),
    leaseUntil: clock.now() + 30_000,
  } as const;
  const earlier = progress === undefined ? {} : { crashes: 1, crashPlace: progress };
  await store.write((tx) => tx.table('jobs').update(id, 1, { ...claim, attempts: 2, ...earlier }));
  return id;
};

const restart = async (...names: readonly string[]): Promise<void> => {
  await queue.recover({ progressOf: async () => 'here', order: names });
  for (const name of names)
    queue.process(
      name,
      async (_job, signal) => {
        began.push(name);
        while (!over.has(name)) await clock.sleep(10, signal);
      },
      { concurrency: 4 },
    );
  await clock.advance(0);
};

it('begins first what others wait for, and one that stood still when the ones before have ended', async () => {
  for (const name of ['c', 'b', 'a']) await died(name, name === 'a' ? undefined : 'here');
  await restart('a', 'b', 'c');
  await clock.advance(5000);
  expect(began).toEqual(['a']);
  over.add('a');
  await clock.advance(500);
  expect(began).toEqual(['a', 'b']);
  over.add('b');
  await clock.advance(500);
  expect(began).toEqual(['a', 'b', 'c']);
});

it('clears one that stands still but ran for long enough: the next death begins to count anew', async () => {
  const still = await died('a', 'here');
  await died('b', undefined);
  await restart('a', 'b');
  await clock.advance(20_500);
  expect(began).toEqual(['a', 'b']);
  expect(await store.read((tx) => tx.table('jobs').get(still))).not.toHaveProperty('crashPlace', 'here');
});

it('holds nothing back when nothing stood still', async () => {
  for (const name of ['a', 'b']) await died(name, undefined);
  await restart('a', 'b');
  expect(began).toEqual(['a', 'b']);
});

it('begins what is next even when the suspect finds no free worker', async () => {
  for (const name of ['a', 'b']) await died(name, name === 'b' ? undefined : 'here');
  await restart('b');
  await clock.advance(39_000);
  expect(began).toEqual([]);
  await clock.advance(2000);
  expect(began).toEqual(['b']);
});

it('begins what waited for its turn when the server died again', async () => {
  for (const name of ['a', 'b']) await died(name, 'here');
  await restart('a', 'b');
  await queue.close();
  expect(began).toEqual(['a']);
  const later = createQueue({
    store,
    clock,
    ids: createIds(clock, () => new Uint8Array(16)),
    owner: 'third',
    leaseMs: 30_000,
  });
  queue = later;
  over.add('a').add('b');
  await restart('a', 'b');
  await clock.advance(500);
  expect(began).toEqual(['a', 'a', 'b']);
});
