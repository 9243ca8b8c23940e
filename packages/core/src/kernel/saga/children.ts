/** What a saga does about runs besides its own: why one is being undone, and ending one that a step started. */
import type { ErrorBody } from '@berth/contract';
import { isStop } from '../interrupt.ts';
import type { ReadTx, Store } from '../store/store.ts';
import type { Sagas } from './engine.ts';

/** Why a run is being undone, as the engine recorded it before the first undo. */
export const causeOf = async (tx: ReadTx, run: string): Promise<ErrorBody | undefined> =>
  (await tx.table('sagas').get(run))?.error;

interface Ending {
  readonly sagas: Pick<Sagas<unknown>, 'askCancel' | 'resume'>;
  readonly store: Store;
}

/**
 * Ends a child run: undoes it if it was interrupted, leaves it if it has ended, and does nothing if it never
 * started. The child records its own outcome; this rejects only if it has none.
 */
export const endChild = async ({ sagas, store }: Ending, id: string, reason: string): Promise<void> => {
  const child = await store.read((tx) => tx.table('sagas').get(id));
  if (child === undefined) return;
  await sagas.askCancel(id, reason);
  try {
    await sagas.resume(id);
  } catch (error) {
    if (isStop(error)) throw error;
    const left = await store.read((tx) => tx.table('sagas').get(id));
    if (left?.state === 'running' || left?.state === 'undoing') throw error;
  }
};
