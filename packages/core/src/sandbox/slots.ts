/**
 * Slots under the limit on sandboxes. Work that finds none waits without a worker. It gives up if no slot
 * has been freed for a while, because then nothing is about to finish.
 */
import { fail, isFinal, type Sandbox, sandboxStates } from '@berth/contract';
import { type Clock, Deferred, type Store, type Wait } from '../kernel/index.ts';
import type { SandboxSlots } from '../ports.ts';

/** The states in which more than a sandbox's record is left: a machine, a disk, or what it was made from. */
export const NOT_DESTROYED: readonly Sandbox['state'][] = (Object.keys(sandboxStates) as Sandbox['state'][]) // Object.keys returns string[]
  .filter((state) => !isFinal(sandboxStates, state));

export const isNotDestroyed = (sandbox: Sandbox | undefined): sandbox is Sandbox =>
  sandbox !== undefined && !isFinal(sandboxStates, sandbox.state);

/**
 * An attempt holds its slot while its gate needs another. Attempts therefore never take the last one, or
 * they could hold all slots and wait for each other.
 */
export const LEFT_BY_ATTEMPTS = 1;
/** How long to wait if no slot is freed. */
const SLOT_WAIT_MS = 360_000;
/** In case nothing announces that a slot is free. */
const LOOK_AGAIN_MS = 60_000;

/**
 * Sandboxes with a machine, including those being removed, because their memory is not free yet. Dead ones do
 * not count: after a reboot, all may be dead.
 */
const WITH_MACHINE = NOT_DESTROYED.filter((state) => state !== 'error');

/** Whether it belongs to a finished task and is kept for inspection or a follow-up. */
export const isKept = ({ purpose, expiresAt }: Sandbox): boolean =>
  purpose === 'attempt' && expiresAt !== undefined;

/** What jobs wait for that found no slot. */
export const SLOT_TOPIC = 'a place for a sandbox';
/** What jobs wait for that leave the last slot to others. */
export const ATTEMPT_SLOT_TOPIC = 'a place for the sandbox of an attempt';

/** Each of these frees a slot. */
export const SLOT_FREEING_EVENTS = ['sandbox.removed', 'sandbox.lost', 'sandbox.undone'] as const;

interface SandboxSlotsDeps {
  readonly store: Pick<Store, 'notices'>;
  readonly clock: Clock;
  readonly limit: number;
}

export const createSandboxSlots = ({ store, clock, limit }: SandboxSlotsDeps): SandboxSlots => {
  const ends: ReadonlySet<string> = new Set(SLOT_FREEING_EVENTS);
  let movedAt = clock.now();
  // Listen for events rather than count: a slot that is taken again at once leaves the count unchanged.
  store.notices.subscribe(({ events }) => {
    if (events.some(({ type }) => ends.has(type))) movedAt = clock.now();
  });
  const free: SandboxSlots['free'] = async (tx) =>
    limit - (await tx.table('sandboxes').count({ state: WITH_MACHINE }));
  const reached: SandboxSlots['reached'] = async (tx) => {
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
      const isLong = clock.now() - Math.max(since, movedAt) >= SLOT_WAIT_MS;
      const error = await reached(tx);
      if (isLong) throw error;
      throw new Deferred({
        error,
        topic: purpose === 'attempt' ? ATTEMPT_SLOT_TOPIC : SLOT_TOPIC,
        againMs: LOOK_AGAIN_MS,
        isOver: isFree,
      });
    },
  };
};
