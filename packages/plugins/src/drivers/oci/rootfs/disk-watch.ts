/**
 * Holds sandboxes to the bytes and inodes that they may have on the disk, on any file system and for any user.
 *
 * To walk through what a sandbox wrote is dear, and to ask the file system how full it is costs nothing. A sandbox can
 * have grown by no more than the file system has since it was measured, so it is measured only when that much could be
 * too much. The one that has too much is ended, with the reason in its record. A file system with less free than the
 * reserve takes no new sandbox; with less than half of it, the sandbox that has most on it is ended.
 *
 * Walks go on beside the watch: a long one, and the rest that follows it, delay only the next check of the same sandbox.
 * One that may have too much and cannot be measured is tried again, and ended when that lasts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createConcurrencyLimit } from '../../../linux/concurrency-limit.ts';
import { combined, type DiskSize, difference, exceeds, type FileSystem, NOTHING, sum } from './disk-usage.ts';

export interface Watched {
  readonly id: string;
  readonly most: DiskSize;
}

export interface DiskWatchWorld {
  /** The one that is watched. */
  readonly fileSystem: () => Promise<FileSystem>;
  readonly reserve: DiskSize;
  /** Machines that live. */
  readonly machines: () => Promise<readonly Watched[]>;
  readonly measure: (id: string, most: DiskSize) => Promise<DiskSize>;
  /** Bytes that it wrote so far, whether they are still there or not. */
  readonly written: (id: string) => Promise<number>;
  readonly end: (id: string, reason: string) => Promise<void>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  /** Milliseconds that only go forward. */
  readonly now: () => number;
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
/** By so much since its last walk a sandbox is walked through again at once: somebody writes fast. */
const URGENT: DiskSize = { bytes: 64 * 2 ** 20, inodes: 10_000 };
/** After a walk the same sandbox is left alone for so many times as long, unless it is urgent. */
const REST = 3;
const SCARCE_REST_MS = 1000;
const MAX_REST_MS = 60_000;
/** Who waits for a walk that is not due yet, or that failed, is looked for so often although nothing grows. */
const AGAIN_MS = 1000;
const FAILED_REST_MS = 2000;
/** One that may have too much is ended when it could not be measured for so long, and not in so many walks. */
const MAX_UNMEASURED_MS = 60_000;
const MIN_FAILED_WALKS = 2;
/** Walks at once through sandboxes that had few files, and as many through the others, which so delay only each other. */
const WALKS_OF_A_KIND = 2;
const FEW_INODES = 50_000;
/** With the disk nearly full, who is not measured within this time counts as what it may have. */
const LAST_RESORT_MS = 5000;
const EVERYTHING: DiskSize = { bytes: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY };

/** What one had when the file system had grown by that much in all. */
interface Measured {
  readonly own: DiskSize;
  readonly grown: DiskSize;
}

interface Look {
  readonly grown: DiskSize;
  readonly isScarce: boolean;
  readonly signal: AbortSignal;
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

type Sizes = ReturnType<typeof createSizes>;

const createSizes = (world: DiskWatchWorld) => {
  const known = new Map<string, Measured>();
  const failures = new Map<string, { readonly since: number; readonly walks: number }>();
  const walks = new Map<string, Promise<DiskSize>>();
  const turns = {
    few: createConcurrencyLimit(WALKS_OF_A_KIND),
    many: createConcurrencyLimit(WALKS_OF_A_KIND),
  };
  const growth = createGrowth(world);

  /** One that an earlier server started has been growing for as long as there is anything. */
  const possible = (id: string, grown: DiskSize): DiskSize => {
    const before = known.get(id);
    return before === undefined
      ? EVERYTHING
      : combined((of) => before.own[of] + grown[of] - before.grown[of]);
  };
  const inodesOf = (id: string): number => known.get(id)?.own.inodes ?? Number.MAX_SAFE_INTEGER;
  const failed = (id: string, begun: number, error: unknown): void => {
    const before = failures.get(id);
    if (before === undefined)
      world.log('the disk of a sandbox could not be measured', { id, error: String(error) });
    failures.set(id, { since: before?.since ?? begun, walks: (before?.walks ?? 0) + 1 });
  };
  const walk = async ({ id, most }: Watched, signal: AbortSignal): Promise<DiskSize> => {
    signal.throwIfAborted();
    const begun = world.now();
    try {
      const { grown } = await growth();
      const own = await world.measure(id, most);
      known.set(id, { own, grown });
      failures.delete(id);
      return own;
    } catch (error) {
      failed(id, begun, error);
      throw error;
    }
  };
  return {
    growth,
    possible,
    begin: async (id: string): Promise<void> => {
      failures.delete(id);
      known.set(id, { own: NOTHING, grown: (await growth()).grown });
    },
    /** One walk at a time through one sandbox, whoever asks. */
    measure: (one: Watched, signal: AbortSignal): Promise<DiskSize> => {
      const turn = inodesOf(one.id) > FEW_INODES ? turns.many : turns.few;
      const going =
        walks.get(one.id) ??
        turn(() => walk(one, signal)).finally(() => {
          walks.delete(one.id);
        });
      walks.set(one.id, going);
      return going;
    },
    hasFailed: (id: string): boolean => failures.has(id),
    /** Too long for it to be left alone. */
    isUnmeasured: (id: string): boolean => {
      const { since, walks: tried } = failures.get(id) ?? { since: 0, walks: 0 };
      return tried >= MIN_FAILED_WALKS && world.now() - since >= MAX_UNMEASURED_MS;
    },
    /** Short walks first. */
    suspectsOf: (machines: readonly Watched[], grown: DiskSize): Watched[] =>
      machines
        .filter(({ id, most }) => exceeds(possible(id, grown), most))
        .sort((a, b) => inodesOf(a.id) - inodesOf(b.id)),
    forgetAllBut: (machines: readonly Watched[]): void => {
      keepOnly(known, machines);
      keepOnly(failures, machines);
    },
    ended: async (): Promise<void> => void (await Promise.allSettled(walks.values())),
  };
};

/** When one may be walked through again. Asked at each look: what is scarce or urgent now ends a rest that began before. */
const createRest = (now: () => number) => {
  let last: { readonly grown: DiskSize; readonly lasted: number; readonly until: number } | undefined;
  return {
    isOver: ({ grown, isScarce }: Look, hasFailed: boolean): boolean => {
      if (last === undefined) return true;
      const whole = hasFailed ? FAILED_REST_MS : Math.min(REST * last.lasted, MAX_REST_MS);
      const rest = isScarce ? SCARCE_REST_MS : whole;
      const isUrgent = !hasFailed && exceeds(grown, sum(last.grown, URGENT));
      return isUrgent || now() - last.until >= rest;
    },
    begin: ({ grown }: Look, begun: number): void => {
      last = { grown, lasted: now() - begun, until: now() };
    },
  };
};

/** Each sandbox has its own check, and its own rest after it. */
const createChecks = (world: DiskWatchWorld, sizes: Sizes) => {
  const underWay = new Map<string, Promise<void>>();
  const rests = new Map<string, ReturnType<typeof createRest>>();
  const check = async (one: Watched, signal: AbortSignal): Promise<void> => {
    // Why it could not be measured is in the log.
    const own = await sizes.measure(one, signal).catch(() => undefined);
    if (signal.aborted) return;
    const excess = own === undefined ? excessUnmeasured(one.id, sizes) : excessOf(own, one.most);
    if (excess === undefined) return;
    await world.end(one.id, excess).catch((error: unknown) => {
      const facts = { id: one.id, reason: excess, error: String(error) };
      world.log('a sandbox with too much on its disk could not be ended', facts);
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

interface Growth {
  readonly grown: DiskSize;
  readonly free: DiskSize;
  /** What is there of it now. */
  readonly taken: DiskSize;
}

/** What a file system has grown by since the first question. What is freed between two questions counts for nothing. */
const createGrowth = ({ fileSystem }: DiskWatchWorld) => {
  let grown = NOTHING;
  let before: DiskSize | undefined;
  let first: DiskSize | undefined;
  return async (): Promise<Growth> => {
    const { used, free } = await fileSystem();
    const last = before ?? used;
    grown = combined((of) => grown[of] + Math.max(0, used[of] - last[of]));
    before = used;
    first ??= used;
    return { grown, free, taken: difference(used, first) };
  };
};

/**
 * Ends the machine that has most of what is short, and no other one for it as long as the disk does not become fuller:
 * what it wrote stays until somebody removes it.
 */
const createLastResort = (world: DiskWatchWorld, sizes: Sizes) => {
  const rest = createRest(world.now);
  let endedAt: DiskSize | undefined;
  let underWay: Promise<void> | undefined;
  const act = async (machines: readonly Watched[], signal: AbortSignal): Promise<void> => {
    // What was ended just now may have made room.
    const { free, used } = await world.fileSystem();
    const lack = lackOf(free, halfOf(world.reserve));
    if (lack === undefined) endedAt = undefined;
    if (lack === undefined || (endedAt !== undefined && !exceeds(used, sum(endedAt, UNNOTICED)))) return;
    const largest = await largestOf(
      { sizes, written: world.written },
      machines,
      lack.startsWith('bytes') ? 'bytes' : 'inodes',
      signal,
    );
    if (largest === undefined || signal.aborted) return;
    await world.end(largest, `the disk of the server was nearly full (${lack}), and it had most on it`);
    endedAt = used;
  };
  return {
    begin: (machines: readonly Watched[], look: Look): void => {
      if (underWay !== undefined || !rest.isOver(look, false)) return;
      const begun = world.now();
      underWay = act(machines, look.signal)
        .catch((error: unknown) => {
          world.log('the disk is nearly full, and no sandbox could be ended', { error: String(error) });
        })
        .finally(() => {
          rest.begin(look, begun);
          underWay = undefined;
        });
    },
    ended: async (): Promise<void> => await underWay,
  };
};

/**
 * What cannot be measured, or not soon, counts as what it may be. What was taken and is nobody's that can be measured
 * counts for whoever wrote as much.
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

const keepOnly = (kept: Map<string, unknown>, machines: readonly Watched[]): void => {
  const ids = new Set(machines.map(({ id }) => id));
  for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
};

const halfOf = (size: DiskSize): DiskSize => combined((of) => size[of] / 2);

const excessOf = (own: DiskSize, most: DiskSize): string | undefined => {
  if (own.bytes > most.bytes)
    return `it had more than ${mebibytes(most.bytes)} on its disk (limits.diskBytes)`;
  if (own.inodes > most.inodes) return `it had more than ${most.inodes} files on its disk (limits.inodes)`;
  return undefined;
};

const excessUnmeasured = (id: string, sizes: Sizes): string | undefined =>
  sizes.isUnmeasured(id)
    ? `it may have too much on its disk, which could not be measured for ${MAX_UNMEASURED_MS / 1000} s`
    : undefined;

/** What is short; begins with the name of the part. */
const lackOf = (free: DiskSize, reserve: DiskSize): string | undefined => {
  if (free.bytes < reserve.bytes)
    return `bytes: ${mebibytes(free.bytes)} are free, and ${mebibytes(reserve.bytes)} are to be kept free`;
  if (free.inodes < reserve.inodes)
    return `inodes: ${free.inodes} are free, and ${reserve.inodes} are to be kept free`;
  return undefined;
};

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
