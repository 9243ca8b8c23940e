import { afterEach, expect, test } from 'vitest';
import type { DiskSize } from '../../../src/drivers/oci/rootfs/disk-usage.ts';
import { createDiskWatch, type DiskWatch } from '../../../src/drivers/oci/rootfs/disk-watch.ts';

const MEBIBYTE = 2 ** 20;
const MOST: DiskSize = { bytes: 4 * MEBIBYTE, inodes: 1000 };
const LITTLE: DiskSize = { bytes: MEBIBYTE, inodes: 1 };
const MUCH: DiskSize = { bytes: 8 * MEBIBYTE, inodes: 1 };
const RESERVE: DiskSize = { bytes: 1024 * MEBIBYTE, inodes: 0 };
const SOON = { timeout: 9000, interval: 20 };
const LOGGED = 'the disk of a sandbox could not be measured';

let watch: DiskWatch | undefined;
let release: (() => void) | undefined;
afterEach(async () => {
  release?.();
  await watch?.close();
});

/** A walk that does not end by itself. */
const endless = (): Promise<DiskSize> => {
  const { promise, resolve } = Promise.withResolvers<DiskSize>();
  release = () => resolve(LITTLE);
  return promise;
};

/** Machines that have nothing yet, on a file system and with a clock that go as the test says. */
const watching = async (
  walks: Record<string, () => Promise<DiskSize>>,
  written: Readonly<Record<string, number>> = {},
) => {
  const state = { used: 0, free: 2 * RESERVE.bytes, now: 0 };
  const ended: string[] = [];
  const walked: string[] = [];
  const logged: string[] = [];
  const started = createDiskWatch({
    fileSystem: async () => ({
      used: { bytes: state.used, inodes: 0 },
      free: { bytes: state.free, inodes: 1000 },
    }),
    reserve: RESERVE,
    machines: async () =>
      Object.keys(walks)
        .filter((id) => !ended.some((line) => line.startsWith(`${id}: `)))
        .map((id) => ({ id, most: MOST })),
    measure: async (id) => {
      walked.push(id);
      return (await walks[id]?.()) ?? LITTLE;
    },
    release: async () => undefined,
    written: async (id) => written[id] ?? 0,
    end: async (id, reason) => void ended.push(`${id}: ${reason}`),
    log: (message, { id }) => void logged.push(`${message}: ${String(id)}`),
    now: () => state.now,
  });
  watch = started;
  for (const id of Object.keys(walks)) await started.begin(id);
  const grow = (mebibytes: number): void => {
    state.used += mebibytes * MEBIBYTE;
  };
  const add = async (id: string, walk: () => Promise<DiskSize>): Promise<void> => {
    walks[id] = walk;
    await started.begin(id);
  };
  return { state, grow, add, start: started.start, ended, walked, logged };
};

const TOO_MUCH = expect.stringMatching(/more than 4 MiB/);
const timesOf = (ids: readonly string[], id: string): number => ids.filter((one) => one === id).length;

test('a walk that lasts delays nobody else', async () => {
  let own = LITTLE;
  const { grow, start, ended, walked } = await watching({ a: endless, b: async () => own });
  grow(24);
  start();
  await expect.poll(() => walked, SOON).toEqual(['a', 'b']);
  own = MUCH;
  grow(24);
  await expect.poll(() => ended, SOON).toEqual([TOO_MUCH]);
  expect(ended[0]).toMatch(/^b: /);
});

/** `a` was walked through for ten seconds and rests for thirty. */
const resting = async () => {
  const own = { a: LITTLE };
  const tried = await watching({
    a: async () => {
      const found = own.a;
      tried.state.now += 10_000;
      return found;
    },
  });
  tried.grow(24);
  tried.start();
  await expect.poll(() => tried.walked, SOON).toEqual(['a']);
  return { ...tried, own };
};

test('the rest after a long walk is of its own sandbox, and is not for ever though nothing grows', async () => {
  const { own, state, grow, add, ended, walked } = await resting();
  await add('b', async () => MUCH);
  own.a = MUCH;
  grow(24);
  state.now += 29_000;
  await expect.poll(() => ended, SOON).toEqual([expect.stringMatching(/^b: /)]);
  expect(walked).toEqual(['a', 'b']);
  state.now += 1000;
  await expect.poll(() => ended, SOON).toEqual([TOO_MUCH, expect.stringMatching(/^a: /)]);
});

test('who may write fast is walked through at once, whatever the rest', async () => {
  const { own, grow, ended } = await resting();
  own.a = MUCH;
  grow(65);
  await expect.poll(() => ended, SOON).toEqual([expect.stringMatching(/^a: /)]);
});

test('a disk that becomes scarce ends a rest that began before', async () => {
  const { own, state, grow, ended } = await resting();
  own.a = MUCH;
  grow(24);
  state.free = RESERVE.bytes - 1;
  state.now += 1000;
  await expect.poll(() => ended, SOON).toEqual([expect.stringMatching(/^a: .*limits\.diskBytes/)]);
});

test('what could not be measured is measured again though nothing grows, and told once', async () => {
  let fails = 2;
  const { state, grow, start, ended, logged } = await watching({
    a: async () => {
      fails -= 1;
      if (fails >= 0) throw new Error('no');
      return MUCH;
    },
  });
  grow(24);
  start();
  const later = () => {
    state.now += 1000;
    return ended;
  };
  await expect.poll(later, SOON).toEqual([TOO_MUCH]);
  expect(logged).toEqual([`${LOGGED}: a`]);
});

test.each([
  { what: 'fails at once', lasts: 0 },
  { what: 'does not end within its time', lasts: 120_000 },
])(
  'one whose walk $what again and again is ended, not before a minute and a second try',
  async ({ lasts }) => {
    const { state, grow, start, ended, walked, logged } = await watching({
      a: async () => {
        state.now += lasts;
        throw new Error('no');
      },
      b: async () => LITTLE,
    });
    grow(24);
    start();
    await expect.poll(() => walked, SOON).toContain('a');
    expect(ended).toEqual([]);
    const later = () => {
      state.now += 3000;
      return ended;
    };
    await expect.poll(later, SOON).toEqual([expect.stringMatching(/^a: .*could not be measured for 60 s/)]);
    expect(state.now).toBeGreaterThanOrEqual(60_000);
    expect(timesOf(walked, 'a')).toBeGreaterThanOrEqual(2);
    expect(logged).toEqual([`${LOGGED}: a`]);
  },
);

test.each([
  { what: 'cannot be measured', walk: () => Promise.reject(new Error('no')) },
  { what: 'is measured for ever', walk: endless },
])('with the disk nearly full, one that $what counts as what it may have', async ({ walk }) => {
  const { state, grow, start, ended } = await watching({ a: async () => LITTLE, b: walk });
  state.free = RESERVE.bytes / 4;
  grow(24);
  start();
  await expect.poll(() => ended, SOON).toEqual([expect.stringMatching(/^b: .*this sandbox used most of it/)]);
});

test('with the disk nearly full, what no walk explains is weighed by who wrote', async () => {
  const walks = { a: async () => LITTLE, b: async () => MUCH };
  const { state, grow, start, ended } = await watching(walks, { a: 200 * MEBIBYTE, b: 20 * MEBIBYTE });
  state.free = RESERVE.bytes / 4;
  grow(300);
  start();
  await expect
    .poll(() => ended, SOON)
    .toContainEqual(expect.stringMatching(/^a: .*this sandbox used most of it/));
});
