/** What the watched sandboxes have on the disk as far as it is known, and when each may be measured again. */
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
  /** Drops the files that only a system call in progress holds. */
  readonly release: (id: string) => Promise<void>;
  /** Bytes written so far, whether still present or not. */
  readonly written: (id: string) => Promise<number>;
  readonly end: (id: string, reason: string) => Promise<void>;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** Growth of the file system below which nobody is measured. */
export const UNNOTICED: DiskSize = { bytes: 16 * 2 ** 20, inodes: 1000 };
/** After this much growth since its last walk a sandbox is measured again immediately: something writes fast. */
const URGENT: DiskSize = { bytes: 64 * 2 ** 20, inodes: 10_000 };
/** After a walk the same sandbox is skipped for this multiple of its duration, unless it is urgent. */
const REST = 3;
const SCARCE_REST_MS = 1000;
const MAX_REST_MS = 60_000;
const FAILED_REST_MS = 2000;
/** One that may be over its limit is killed when it could not be measured for this long, and in this many walks. */
export const MAX_UNMEASURED_MS = 60_000;
const MIN_FAILED_WALKS = 2;
/** Concurrent walks of sandboxes with few files, and as many of the others, which so delay only each other. */
const WALKS_OF_A_KIND = 2;
const FEW_INODES = 50_000;
const EVERYTHING: DiskSize = { bytes: Number.POSITIVE_INFINITY, inodes: Number.POSITIVE_INFINITY };

/** A measurement, with the file system's total growth at that time. */
interface Measured {
  readonly own: DiskSize;
  readonly grown: DiskSize;
}

export interface Look {
  readonly grown: DiskSize;
  readonly isScarce: boolean;
  readonly signal: AbortSignal;
}

export type Sizes = ReturnType<typeof createSizes>;

export const createSizes = (world: DiskWatchWorld) => {
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
export const createRest = (now: () => number) => {
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

export const keepOnly = (kept: Map<string, unknown>, machines: readonly Watched[]): void => {
  const ids = new Set(machines.map(({ id }) => id));
  for (const id of kept.keys()) if (!ids.has(id)) kept.delete(id);
};

export const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
