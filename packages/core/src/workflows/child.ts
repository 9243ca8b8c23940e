/** How a saga gets rid of another one that a step of it started. */
import { isStop } from '../kernel/index.ts';
import type { World } from '../world.ts';

/**
 * Has a child run end: undone when it was under way, as it is when it had ended, nothing when it never began. However
 * it ends, it has an end of its own on record; only when it has none does this reject.
 */
export const endChild = async ({ sagas, store }: World, id: string, reason: string): Promise<void> => {
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
