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
import { createConcurrencyLimit } from '../../../linux/concurrency-limit.ts';
import { combined, type DiskSize, difference, exceeds, type FileSystem, NOTHING, sum } from './disk-usage.ts';

export interface Watched {
  readonly id: string;
  readonly most: DiskSize;
}

export interface DiskWatchWorld {
  /** The watched file system. */
  readonly fileSystem: () => Promise<FileSystem>;
  readonly reserve: DiskSize;
  /** Machines that are alive. */
  readonly machines: () => Promise<readonly Watched[]>;
  readonly measure: (id: string, most: DiskSize) => Promise<DiskSize>;
  /** Bytes written so far, whether still present or not. */
  readonly written: (id: string) => Promise<number>;
  readonly end: (id: string, reason: string) => Promise<void>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

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
/** Growth of the file system below which nobody is measured. */
const UNNOTICED: DiskSize = { bytes: 16 * 2 ** 20, inodes: 1000 };
/** After this much growth since its last walk a sandbox is measured again immediately: something writes fast. */
const URGENT: DiskSize = { bytes: 64 * 2 ** 20, inodes: 10_000 };
/** After a walk the same sandbox is skipped for this multiple of its duration, unless it is urgent. */
const REST = 3;
const SCARCE_REST_MS = 1000;
const MAX_REST_MS = 60_000;
/** Interval for walks that are deferred or failed, even when nothing grows. */
const AGAIN_MS = 1000;
const FAILED_REST_MS = 2000;
/** One that may be over its limit is killed when it could not be measured for this long, and in this many walks. */
const MAX_UNMEASURED_MS = 60_000;
const MIN_FAILED_WALKS = 2;
/** Concurrent walks of sandboxes with few files, and as many of the others, which so delay only each other. */
const WALKS_OF_A_KIND = 2;
const FEW_INODES = 50_000;
/** With the disk nearly full, a sandbox not measured within this time counts with its limit. */
const LAST_RESORT_MS = 5000;
const EVERYTHING: DiskSize = { bytes: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY };

/** A measurement, with the file system's total growth at that time. */
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

  /** One started by an earlier server counts all growth so far. */
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
    /** One walk at a time per sandbox, whoever requests it. */
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
    /** Growth too large to skip it. */
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

/**
 * When one may be measured again. Recomputed at each check: scarcity or urgency ends a pause that started earlier.
 */
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

interface Growth {
  readonly grown: DiskSize;
  readonly free: DiskSize;
  /** Its current usage. */
  readonly taken: DiskSize;
}

/** Growth of a file system since the first check. Space freed between two checks is not subtracted. */
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
 * Kills the machine that uses most of the scarce resource, and no other one while the disk does not fill further: its
 * files stay until someone removes it.
 */
const createLastResort = (world: DiskWatchWorld, sizes: Sizes) => {
  const rest = createRest(world.now);
  let endedAt: DiskSize | undefined;
  let underWay: Promise<void> | undefined;
  const act = async (machines: readonly Watched[], signal: AbortSignal): Promise<void> => {
    // The kill may have freed space.
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

const keepOnly = (kept: Map<string, unknown>, machines: readonly Watched[]): void => {
  const ids = new Set(machines.map(({ id }) => id));
  for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
};

const halfOf = (size: DiskSize): DiskSize => combined((of) => size[of] / 2);

const excessOf = (own: DiskSize, most: DiskSize): string | undefined => {
  if (own.bytes > most.bytes) return `it used more than ${mebibytes(most.bytes)} of disk (limits.diskBytes)`;
  if (own.inodes > most.inodes) return `it had more than ${most.inodes} files on its disk (limits.inodes)`;
  return undefined;
};

const excessUnmeasured = (id: string, sizes: Sizes): string | undefined =>
  sizes.isUnmeasured(id)
    ? `its disk usage may exceed its limit and could not be measured for ${MAX_UNMEASURED_MS / 1000} s`
    : undefined;

/** What is scarce; begins with its name. */
const lackOf = (free: DiskSize, reserve: DiskSize): string | undefined => {
  if (free.bytes < reserve.bytes)
    return `bytes: ${mebibytes(free.bytes)} are free, ${mebibytes(reserve.bytes)} must stay free`;
  if (free.inodes < reserve.inodes)
    return `inodes: ${free.inodes} are free, ${reserve.inodes} must stay free`;
  return undefined;
};

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
