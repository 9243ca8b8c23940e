/**
 * Who has a run. Whoever takes it up gets the next fence, in the transaction in which it reads the run; every later
 * transaction about the run looks whether that is still the newest. So an engine that was superseded (it was cut off,
 * paused, or thought dead) writes nothing more about the run: no journal, no record of a step, no end, nothing that a
 * step writes while it acts.
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

/** The run as it is then. What comes with it changes in the same transaction. */
export const takeUp = (tx: Tx, row: SagaRun, owner: string, also: Patch<SagaRun> = {}): Promise<SagaRun> =>
  tx.table('sagas').update(row.id, row.revision, { ...also, owner, fence: heldOf(row).fence + 1 });

/** The run, for whoever still has it. Rejects with `Stopped` for everybody else: it is left as it is. */
export const heldRow = async (tx: ReadTx, held: HeldRun): Promise<SagaRun> => {
  const row = await sagaRow(tx, held.id);
  if (heldOf(row).fence !== held.fence)
    throw new Stopped(`the run ${held.id} went to ${row.owner ?? 'another'}`);
  return row;
};

/** The store for what a step does in the name of the run: each write looks at the fence first, as `heldRow` does. */
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
