/** What happens when the disk of all is nearly full: the sandbox that uses most of it is killed. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createRest,
  type DiskWatchWorld,
  type Look,
  mebibytes,
  type Sizes,
  UNNOTICED,
  type Watched,
} from './disk-sizes.ts';
import { combined, type DiskSize, exceeds, sum } from './disk-usage.ts';

/** With the disk nearly full, a sandbox not measured within this time counts with its limit. */
const LAST_RESORT_MS = 5000;

/**
 * Kills the machine that uses most of the scarce resource, and no other one while the disk does not fill further: its
 * files stay until someone removes it.
 */
export const createLastResort = (world: DiskWatchWorld, sizes: Sizes) => {
  const rest = createRest(world.now);
  let endedAt: DiskSize | undefined;
  let underWay: Promise<void> | undefined;
  const act = async (machines: readonly Watched[], signal: AbortSignal): Promise<void> => {
    // The kill may have freed space.
    const { free, used } = await world.fileSystem();
    const lack = lackOf(free, halfOf(world.reserve));
    if (lack === undefined) endedAt = undefined;
    if (lack === undefined || (endedAt !== undefined && !exceeds(used, sum(endedAt, UNNOTICED)))) return;
    await releaseAll(world, machines);
    if (lackOf((await world.fileSystem()).free, halfOf(world.reserve)) === undefined) return;
    const largest = await largestOf(
      { sizes, written: world.written },
      machines,
      lack.startsWith('bytes') ? 'bytes' : 'inodes',
      signal,
    );
    if (largest === undefined || signal.aborted) return;
    await world.end(largest, `the server's disk was nearly full (${lack}), and this sandbox used most of it`);
    endedAt = used;
  };
  return {
    begin: (machines: readonly Watched[], look: Look): void => {
      if (underWay !== undefined || !rest.isOver(look, false)) return;
      const begun = world.now();
      underWay = act(machines, look.signal)
        .catch((error: unknown) => {
          world.log('the disk is nearly full, and no sandbox could be killed', { error: String(error) });
        })
        .finally(() => {
          rest.begin(look, begun);
          underWay = undefined;
        });
    },
    ended: async (): Promise<void> => await underWay,
  };
};

/** Nobody is killed for files that nothing but a system call of somebody else holds: they are dropped first. */
const releaseAll = async (
  { release, log }: Pick<DiskWatchWorld, 'release' | 'log'>,
  machines: readonly Watched[],
): Promise<void> => {
  const releaseOne = ({ id }: Watched): Promise<void> =>
    release(id).catch((error: unknown) => {
      log('files that only system calls of a sandbox hold could not be dropped', {
        id,
        error: String(error),
      });
    });
  await Promise.all(machines.map(releaseOne));
};

/**
 * A sandbox that cannot be measured in time counts with its limit. Unattributed usage counts for the sandbox that
 * wrote as much.
 */
const largestOf = async (
  { sizes, written: writtenBy }: { sizes: Sizes } & Pick<DiskWatchWorld, 'written'>,
  machines: readonly Watched[],
  by: keyof DiskSize,
  signal: AbortSignal,
): Promise<string | undefined> => {
  const measured = new AbortController();
  const late = sleep(LAST_RESORT_MS, undefined, {
    signal: AbortSignal.any([signal, measured.signal]),
    ref: false,
  }).catch(() => undefined);
  const sizeOf = async (one: Watched) => {
    const own = await Promise.race([sizes.measure(one, signal).catch(() => undefined), late]);
    return { id: one.id, own: own ?? sizes.possible(one.id, (await sizes.growth()).grown) };
  };
  const found = await Promise.all(machines.map(sizeOf));
  measured.abort();
  const { taken } = await sizes.growth();
  const unexplained = found.reduce((left, { own }) => left - own[by], taken[by]);
  const weighed = found.map(async ({ id, own }) => {
    const written = by === 'bytes' && unexplained > 0 ? await writtenBy(id).catch(() => 0) : 0;
    return { id, size: Math.max(own[by], Math.min(unexplained, written)) };
  });
  const [largest] = (await Promise.all(weighed)).sort((a, b) => (a.size === b.size ? 0 : b.size - a.size));
  return largest === undefined || largest.size === 0 ? undefined : largest.id;
};

const halfOf = (size: DiskSize): DiskSize => combined((of) => size[of] / 2);

/** What is scarce; begins with its name. */
export const lackOf = (free: DiskSize, reserve: DiskSize): string | undefined => {
  if (free.bytes < reserve.bytes)
    return `bytes: ${mebibytes(free.bytes)} are free, ${mebibytes(reserve.bytes)} must stay free`;
  if (free.inodes < reserve.inodes)
    return `inodes: ${free.inodes} are free, ${reserve.inodes} must stay free`;
  return undefined;
};
