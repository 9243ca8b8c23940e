/**
 * Exclusive rights with a time limit. A lease expires by itself, so that nobody waits for a dead holder; its
 * fence tells a holder that comes back late from the current one.
 */
import type { Clock } from '../time/clock.ts';
import type { ReadTx, Store } from './store.ts';
import type { Lease } from './tables.ts';

/** What a holder presents: the lease's id and the fence it was given. */
export type Held = Pick<Lease, 'id' | 'fence'>;

export interface Leases {
  /** Undefined while anyone else holds it, including another holder in this process. */
  acquire(id: string, durationMs: number): Promise<Held | undefined>;
  /** False if the lease was lost. */
  renew(held: Held, durationMs: number): Promise<boolean>;
  /** Does nothing if the lease was lost. */
  release(held: Held): Promise<void>;
  /** Whether the lease is still held; call it in the transaction that depends on it. */
  isHeld(tx: ReadTx, held: Held): Promise<boolean>;
}

export const createLeases = (deps: { store: Store; clock: Clock; owner: string }): Leases => {
  const { store, clock, owner } = deps;

  const isHeld = async (tx: ReadTx, { id, fence }: Held): Promise<boolean> => {
    const row = await tx.table('leases').get(id);
    return row !== undefined && row.fence === fence && row.until > clock.now();
  };

  const moveEnd = (held: Held, until: number): Promise<boolean> =>
    store.write(async (tx) => {
      const row = await tx.table('leases').get(held.id);
      if (row === undefined || !(await isHeld(tx, held))) return false;
      await tx.table('leases').update(held.id, row.revision, { until });
      return true;
    });

  return {
    isHeld,
    acquire: (id, durationMs) =>
      store.write(async (tx) => {
        const leases = tx.table('leases');
        const row = await leases.get(id);
        const until = clock.now() + durationMs;
        if (row === undefined) return leases.insert({ id, owner, fence: 1, until });
        if (row.until > clock.now()) return undefined;
        return leases.update(id, row.revision, { owner, fence: row.fence + 1, until });
      }),
    renew: (held, durationMs) => moveEnd(held, clock.now() + durationMs),
    release: async (held) => void (await moveEnd(held, clock.now())),
  };
};
