/**
 * Ownership of a run. Whoever takes it up increments its fence in the transaction that reads the run, and
 * every later transaction about the run checks that its fence is still the newest. An engine that was
 * superseded (because it was cut off, paused or presumed dead) can therefore write nothing more about the
 * run: no journal lines, no step records, no outcome, and nothing that a running step writes.
 */
import { fail } from '@berth/contract';
import { Stopped } from '../interrupt.ts';
import type { Patch, ReadTx, Store, Tx } from '../store/store.ts';
import type { SagaRun } from '../store/tables.ts';

export interface HeldRun {
  readonly id: string;
  readonly fence: number;
}

export const heldOf = ({ id, fence = 0 }: SagaRun): HeldRun => ({ id, fence });

/** Returns the updated run. The fields in `also` change in the same transaction. */
export const takeUp = (tx: Tx, row: SagaRun, owner: string, also: Patch<SagaRun> = {}): Promise<SagaRun> =>
  tx.table('sagas').update(row.id, row.revision, { ...also, owner, fence: heldOf(row).fence + 1 });

/** Returns the run if it is still held. Otherwise rejects with `Stopped`, and the run is left as it is. */
export const heldRow = async (tx: ReadTx, held: HeldRun): Promise<SagaRun> => {
  const row = await sagaRow(tx, held.id);
  if (heldOf(row).fence !== held.fence)
    throw new Stopped(`the run ${held.id} went to ${row.owner ?? 'another'}`);
  return row;
};

/** The store for the steps of the run: every write first checks the fence, as `heldRow` does. */
export const fencedStore = (store: Store, held: HeldRun): Store => ({
  ...store,
  write: (change) =>
    store.write(async (tx) => {
      await heldRow(tx, held);
      return change(tx);
    }),
});

/** Rejects with `record.missing`. */
export const sagaRow = async (tx: ReadTx, id: string): Promise<SagaRun> => {
  const row = await tx.table('sagas').get(id);
  if (row === undefined) throw fail('record.missing', { noun: 'saga', id });
  return row;
};
