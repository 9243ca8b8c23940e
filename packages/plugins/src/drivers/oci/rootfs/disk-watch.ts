/**
 * Enforces the byte and inode limits of sandboxes on the disk, on any file system and for any user.
 *
 * Walking a sandbox's files is expensive, statfs is free. A sandbox cannot have grown by more than the file system
 * has since its last measurement, so it is measured only when that growth could exceed its limit. A sandbox over its
 * limit is killed, with the reason in its record. When less than the reserve is free, no new sandbox starts; below
 * half of the reserve, the sandbox that uses most is killed.
 *
 * Walks run in parallel to the watch: a long one, and the pause after it, delay only the next check of the same
 * sandbox. One that may be over its limit and cannot be measured is retried, and killed when that persists.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createRest,
  createSizes,
  type DiskWatchWorld,
  keepOnly,
  type Look,
  MAX_UNMEASURED_MS,
  mebibytes,
  type Sizes,
  UNNOTICED,
  type Watched,
} from './disk-sizes.ts';
import { type DiskSize, exceeds, NOTHING, sum } from './disk-usage.ts';
import { createLastResort, lackOf } from './last-resort.ts';

export interface DiskWatch {
  /** Why no sandbox can start; absent when one can. */
  scarcity(): Promise<string | undefined>;
  /** Starts watching, unless already started. */
  start(): void;
  /** A machine with an empty disk. */
  begin(id: string): Promise<void>;
  /** Resolves when no walk is running; `start` resumes. */
  close(): Promise<void>;
}

/** statfs is free. Writes between checks and during walks can exceed the limit. */
const EVERY_MS = 100;
/** Interval for walks that are deferred or failed, even when nothing grows. */
const AGAIN_MS = 1000;

export const createDiskWatch = (world: DiskWatchWorld): DiskWatch => {
  const looks = createLooks(world);
  let stop: AbortController | undefined;
  let running: Promise<void> | undefined;
  const watch = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await looks.look(signal).catch((error: unknown) => {
        // The driver's folder is created with its first sandbox.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          world.log('the disk could not be checked', { error: String(error) });
      });
      await sleep(EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
    await looks.ended();
  };
  return {
    scarcity: async () => lackOf((await world.fileSystem()).free, world.reserve),
    start: () => {
      if (stop !== undefined) return;
      stop = new AbortController();
      running = watch(stop.signal);
    },
    begin: looks.begin,
    close: async () => {
      stop?.abort();
      stop = undefined;
      await running;
    },
  };
};

const createLooks = (world: DiskWatchWorld) => {
  const sizes = createSizes(world);
  const checks = createChecks(world, sizes);
  const lastResort = createLastResort(world, sizes);
  let lookedAt = { grown: NOTHING, time: Number.NEGATIVE_INFINITY };
  let isOwed = false;
  return {
    begin: async (id: string): Promise<void> => {
      checks.forget(id);
      await sizes.begin(id);
    },
    look: async (signal: AbortSignal): Promise<void> => {
      const { grown, free } = await sizes.growth();
      const isScarce = lackOf(free, world.reserve) !== undefined;
      const isAgain = (isScarce || isOwed) && world.now() - lookedAt.time >= AGAIN_MS;
      if (!isAgain && !exceeds(grown, sum(lookedAt.grown, UNNOTICED))) return;
      lookedAt = { grown, time: world.now() };
      isOwed = true;
      const machines = await world.machines();
      sizes.forgetAllBut(machines);
      checks.forgetAllBut(machines);
      const look = { grown, isScarce, signal };
      const suspects = sizes.suspectsOf(machines, grown);
      for (const one of suspects) checks.begin(one, look);
      isOwed = suspects.length > 0;
      if (isScarce) lastResort.begin(machines, look);
    },
    ended: async (): Promise<void> => {
      await checks.ended();
      await lastResort.ended();
      await sizes.ended();
    },
  };
};

/** Each sandbox has its own check and its own pause. */
const createChecks = (world: DiskWatchWorld, sizes: Sizes) => {
  const underWay = new Map<string, Promise<void>>();
  const rests = new Map<string, ReturnType<typeof createRest>>();
  const check = async (one: Watched, signal: AbortSignal): Promise<void> => {
    // The reason is in the log.
    const own = await sizes.measure(one, signal).catch(() => undefined);
    if (signal.aborted) return;
    const excess = own === undefined ? excessUnmeasured(one.id, sizes) : excessOf(own, one.most);
    if (excess === undefined) return;
    await world.end(one.id, excess).catch((error: unknown) => {
      const facts = { id: one.id, reason: excess, error: String(error) };
      world.log('a sandbox over its disk limit could not be killed', facts);
    });
  };
  return {
    begin: (one: Watched, look: Look): void => {
      const rest = rests.get(one.id) ?? createRest(world.now);
      rests.set(one.id, rest);
      if (underWay.has(one.id) || look.signal.aborted || !rest.isOver(look, sizes.hasFailed(one.id))) return;
      const begun = world.now();
      const going = check(one, look.signal).finally(() => {
        rest.begin(look, begun);
        underWay.delete(one.id);
      });
      underWay.set(one.id, going);
    },
    forget: (id: string): void => void rests.delete(id),
    forgetAllBut: (machines: readonly Watched[]): void => keepOnly(rests, machines),
    ended: async (): Promise<void> => void (await Promise.all(underWay.values())),
  };
};

const excessOf = (own: DiskSize, most: DiskSize): string | undefined => {
  if (own.bytes > most.bytes) return `it used more than ${mebibytes(most.bytes)} of disk (limits.diskBytes)`;
  if (own.inodes > most.inodes) return `it had more than ${most.inodes} files on its disk (limits.inodes)`;
  return undefined;
};

const excessUnmeasured = (id: string, sizes: Sizes): string | undefined =>
  sizes.isUnmeasured(id)
    ? `its disk usage may exceed its limit and could not be measured for ${MAX_UNMEASURED_MS / 1000} s`
    : undefined;
