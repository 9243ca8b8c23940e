/**
 * Places under the ceiling of sandboxes. Work that finds none waits without a worker; it gives up when the ceiling has
 * not moved for a while, because then nobody is about to end.
 */
import { type BerthError, fail, isFinal, type Sandbox, sandboxStates } from '@berth/contract';
import { type Clock, Deferred, type ReadTx, type Store, type Wait } from '../kernel/index.ts';

/** Whether there is still anything of a sandbox but its record: a machine, a disk, or what it was made from. */

/** The states of those that are there, to ask the store for them. */
export const THERE: readonly Sandbox['state'][] = (Object.keys(sandboxStates) as Sandbox['state'][]) // the keys of the table
  .filter((state) => !isFinal(sandboxStates, state));

export const isThere = (sandbox: Sandbox | undefined): sandbox is Sandbox =>
  sandbox !== undefined && !isFinal(sandboxStates, sandbox.state);

export interface Places {
  /** How many are free; below zero when the ceiling was lowered. */
  free(tx: ReadTx): Promise<number>;
  /** What to say when there is none, with who holds them. */
  reached(tx: ReadTx): Promise<BerthError>;
  /** Rejects with `Deferred`, or with `sandbox.limit_reached` when it has waited since then and nothing moved for long. */
  assertFree(tx: ReadTx, request: PlaceRequest): Promise<void>;
  /** For who does not wait. Rejects with `sandbox.limit_reached`. */
  assertFreeNow(tx: ReadTx): Promise<void>;
}

interface PlaceRequest {
  readonly purpose: Sandbox['purpose'];
  readonly since: number;
}

/**
 * An attempt holds its place while its gate asks for another one. So it never takes the last: attempts that hold all
 * would wait for each other.
 */
export const LEFT_BY_ATTEMPTS = 1;
/** Without a movement of the ceiling. */
const PLACE_WAIT_MS = 360_000;
/** In case nobody tells that a place is free. */
const LOOK_AGAIN_MS = 60_000;

/** What has a machine, also while it is removed: its memory is not free yet. After a reboot, say, there are only dead ones. */
const WITH_MACHINE = THERE.filter((state) => state !== 'error');

/** Of a task that is over: it waits for a look or a follow-up. */
export const isKept = ({ purpose, expiresAt }: Sandbox): boolean =>
  purpose === 'attempt' && expiresAt !== undefined;

/** What jobs wait for that found no place. */
export const PLACE_TOPIC = 'a place for a sandbox';
/** What those wait for that leave the last place to others. */
export const ATTEMPT_PLACE_TOPIC = 'a place for the sandbox of an attempt';

/** Each gives a place back. */
export const PLACE_ENDS = ['sandbox.removed', 'sandbox.lost', 'sandbox.undone'] as const;

interface PlacesDeps {
  readonly store: Pick<Store, 'notices'>;
  readonly clock: Clock;
  readonly limit: number;
}

export const createPlaces = ({ store, clock, limit }: PlacesDeps): Places => {
  const ends: ReadonlySet<string> = new Set(PLACE_ENDS);
  let movedAt = clock.now();
  // Heard, not counted: a place that somebody else was given at once leaves the number as it was.
  store.notices.subscribe(({ events }) => {
    if (events.some(({ type }) => ends.has(type))) movedAt = clock.now();
  });
  const free: Places['free'] = async (tx) =>
    limit - (await tx.table('sandboxes').count({ state: WITH_MACHINE }));
  const reached: Places['reached'] = async (tx) => {
    const all = await tx.table('sandboxes').list({ where: { state: WITH_MACHINE }, limit: limit + 1 });
    const idsOf = (some: readonly Sandbox[]): string[] => some.map(({ id }) => id);
    const manual = idsOf(all.filter(({ purpose }) => purpose === 'manual'));
    const kept = idsOf(all.filter(isKept));
    const working = all.length - manual.length - kept.length;
    return fail('sandbox.limit_reached', { limit, holders: { manual, kept, working } });
  };
  return {
    free,
    reached,
    async assertFreeNow(tx) {
      if ((await free(tx)) <= 0) throw await reached(tx);
    },
    async assertFree(tx, { purpose, since }) {
      const isFree: Wait['isOver'] = async (now) =>
        (await free(now)) > (purpose === 'attempt' ? LEFT_BY_ATTEMPTS : 0);
      if (await isFree(tx)) return;
      const isLong = clock.now() - Math.max(since, movedAt) >= PLACE_WAIT_MS;
      const error = await reached(tx);
      if (isLong) throw error;
      throw new Deferred({
        error,
        topic: purpose === 'attempt' ? ATTEMPT_PLACE_TOPIC : PLACE_TOPIC,
        againMs: LOOK_AGAIN_MS,
        isOver: isFree,
      });
    },
  };
};
