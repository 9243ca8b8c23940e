/**
 * Holds sandboxes to the bytes and inodes that they may have on the disk, on any file system and for any user.
 *
 * To walk through what a sandbox wrote is dear, and to ask the file system how full it is costs nothing. A sandbox can
 * have grown by no more than the file system has since it was measured, so it is measured only when that much could be
 * too much. The one that has too much is ended, with the reason in its record. A file system with less free than the
 * reserve takes no new sandbox; with less than half of it, the sandbox that has most on it is ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DiskSize, fileSystemOf } from './disk-usage.ts';

export interface Watched {
  readonly id: string;
  readonly most: DiskSize;
}

export interface DiskWatchWorld {
  /** On the file system that is watched. */
  readonly folder: string;
  readonly reserve: DiskSize;
  /** Machines that live. */
  readonly machines: () => Promise<readonly Watched[]>;
  readonly measure: (id: string, most: DiskSize) => Promise<DiskSize>;
  readonly end: (id: string, reason: string) => Promise<void>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export interface DiskWatch {
  /** Why no sandbox can be started; absent when one can. */
  scarcity(): Promise<string | undefined>;
  /** Begins to watch, if it does not yet. */
  start(): void;
  /** A machine that has nothing on the disk yet. */
  begin(id: string): Promise<void>;
  /** Resolves when nothing is under way any more; `start` begins again. */
  close(): Promise<void>;
}

/** To ask the file system costs nothing. What is written meanwhile, and during the walks, can be too much. */
const EVERY_MS = 100;
/** What the file system may grow by before anybody is looked at. */
const UNNOTICED: DiskSize = { bytes: 16 * 2 ** 20, inodes: 1000 };
/** By so much it is looked at once: somebody writes fast. */
const URGENT: DiskSize = { bytes: 64 * 2 ** 20, inodes: 10_000 };
/** After the walks of a look it rests for so many times as long, unless it is urgent. */
const REST = 3;
const SCARCE_REST_MS = 1000;
const MAX_REST_MS = 60_000;
const NOTHING: DiskSize = { bytes: 0, inodes: 0 };
const EVERYTHING: DiskSize = { bytes: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY };

/** What one had when the file system had grown by that much in all. */
interface Measured {
  readonly own: DiskSize;
  readonly grown: DiskSize;
}

export const createDiskWatch = (world: DiskWatchWorld): DiskWatch => {
  const looks = createLooks(world);
  let stop: AbortController | undefined;
  let running: Promise<void> | undefined;
  const watch = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await looks.look(signal).catch((error: unknown) => {
        // The driver's folder is made with its first sandbox.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          world.log('the disk could not be looked at', { error: String(error) });
      });
      await rest(EVERY_MS, signal);
    }
  };
  return {
    scarcity: async () => lackOf((await fileSystemOf(world.folder)).free, world.reserve),
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
  const known = new Map<string, Measured>();
  const endLargest = createLastResort(world);
  const growth = createGrowth(world.folder);
  let lookedAt = NOTHING;
  let restsUntil = 0;

  /** One that an earlier server started has been growing for as long as there is anything. */
  const possible = (id: string, grown: DiskSize): DiskSize => {
    const before = known.get(id);
    return before === undefined
      ? EVERYTHING
      : combined((of) => before.own[of] + grown[of] - before.grown[of]);
  };
  const measureOne = async ({ id, most }: Watched): Promise<void> => {
    try {
      const { grown } = await growth();
      const own = await world.measure(id, most);
      known.set(id, { own, grown });
      const excess = excessOf(own, most);
      if (excess !== undefined) await world.end(id, excess);
    } catch (error) {
      world.log('the disk of a sandbox could not be measured', { id, error: String(error) });
    }
  };
  const isDue = (grown: DiskSize, isScarce: boolean): boolean => {
    const rests = performance.now() < restsUntil;
    return (isScarce && !rests) || exceeds(grown, sum(lookedAt, rests ? URGENT : UNNOTICED));
  };
  const restAfter = (begun: number, isScarce: boolean): void => {
    const now = performance.now();
    restsUntil = now + (isScarce ? SCARCE_REST_MS : Math.min(REST * (now - begun), MAX_REST_MS));
  };
  const forgetAllBut = (machines: readonly Watched[]): void => {
    for (const id of known.keys()) if (!machines.some((one) => one.id === id)) known.delete(id);
  };
  /** Short walks first, so that nobody's long one gives another time to write. */
  const suspectsOf = (machines: readonly Watched[], grown: DiskSize): Watched[] => {
    const walkOf = (id: string): number => known.get(id)?.own.inodes ?? Number.MAX_SAFE_INTEGER;
    return machines
      .filter(({ id, most }) => exceeds(possible(id, grown), most))
      .sort((a, b) => walkOf(a.id) - walkOf(b.id));
  };
  return {
    begin: async (id: string): Promise<void> => {
      known.set(id, { own: NOTHING, grown: (await growth()).grown });
    },
    look: async (signal: AbortSignal): Promise<void> => {
      const { grown, free } = await growth();
      const isScarce = lackOf(free, world.reserve) !== undefined;
      if (!isDue(grown, isScarce)) return;
      lookedAt = grown;
      const machines = await world.machines();
      forgetAllBut(machines);
      const begun = performance.now();
      for (const one of suspectsOf(machines, grown)) {
        if (signal.aborted) return;
        await measureOne(one);
      }
      if (isScarce) await endLargest(machines, signal);
      restAfter(begun, isScarce);
    },
  };
};

/** What a file system has grown by since the first question. What is freed between two questions counts for nothing. */
const createGrowth = (folder: string) => {
  let grown = NOTHING;
  let before: DiskSize | undefined;
  return async (): Promise<{ readonly grown: DiskSize; readonly free: DiskSize }> => {
    const { used, free } = await fileSystemOf(folder);
    const last = before ?? used;
    grown = combined((of) => grown[of] + Math.max(0, used[of] - last[of]));
    before = used;
    return { grown, free };
  };
};

/**
 * Ends the machine that has most of what is short, and no other one for it as long as the disk does not become fuller:
 * what it wrote stays until somebody removes it.
 */
const createLastResort = (world: DiskWatchWorld) => {
  let endedAt: DiskSize | undefined;
  return async (machines: readonly Watched[], signal: AbortSignal): Promise<void> => {
    // What was ended just now may have made room.
    const { free, used } = await fileSystemOf(world.folder);
    const lack = lackOf(free, halfOf(world.reserve));
    if (lack === undefined) endedAt = undefined;
    if (lack === undefined || (endedAt !== undefined && !exceeds(used, sum(endedAt, UNNOTICED)))) return;
    const largest = await largestOf(world, machines, lack.startsWith('bytes') ? 'bytes' : 'inodes', signal);
    if (largest === undefined) return;
    endedAt = used;
    await world.end(largest, `the disk of the server was nearly full (${lack}), and it had most on it`);
  };
};

const largestOf = async (
  { measure }: DiskWatchWorld,
  machines: readonly Watched[],
  by: keyof DiskSize,
  signal: AbortSignal,
): Promise<string | undefined> => {
  let largest = { id: '', own: NOTHING };
  for (const { id, most } of machines) {
    if (signal.aborted) return undefined;
    const own = await measure(id, most).catch(() => NOTHING);
    if (own[by] > largest.own[by]) largest = { id, own };
  }
  return largest.id === '' ? undefined : largest.id;
};

const rest = (durationMs: number, signal: AbortSignal): Promise<void> =>
  sleep(durationMs, undefined, { signal, ref: false }).catch(() => undefined);

const combined = (of: (part: keyof DiskSize) => number): DiskSize => ({
  bytes: of('bytes'),
  inodes: of('inodes'),
});
const sum = (a: DiskSize, b: DiskSize): DiskSize => combined((of) => a[of] + b[of]);
const halfOf = (size: DiskSize): DiskSize => combined((of) => size[of] / 2);
const exceeds = (size: DiskSize, most: DiskSize): boolean =>
  size.bytes > most.bytes || size.inodes > most.inodes;

const excessOf = (own: DiskSize, most: DiskSize): string | undefined => {
  if (own.bytes > most.bytes)
    return `it had more than ${mebibytes(most.bytes)} on its disk (limits.diskBytes)`;
  if (own.inodes > most.inodes) return `it had more than ${most.inodes} files on its disk (limits.inodes)`;
  return undefined;
};

/** What is short; begins with the name of the part. */
const lackOf = (free: DiskSize, reserve: DiskSize): string | undefined => {
  if (free.bytes < reserve.bytes)
    return `bytes: ${mebibytes(free.bytes)} are free, and ${mebibytes(reserve.bytes)} are to be kept free`;
  if (free.inodes < reserve.inodes)
    return `inodes: ${free.inodes} are free, and ${reserve.inodes} are to be kept free`;
  return undefined;
};

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
