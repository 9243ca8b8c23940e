/** How a saga gets rid of another one that a step of it started. */
import type { Json } from '@berth/plugin-api';
import { allRows, familyOf, isStop } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

/**
 * Has a child run end: undone when it was under way, as it is when it had ended, nothing when it never began. However
 * it ends, it has an end of its own on record; only when it has none does this reject.
 */
export const endChild = async ({ sagas, store }: Ports, id: string, reason: string): Promise<void> => {
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

/**
 * Has every turn and landing of an attempt end. They may have been left in the middle by a crash, and then nobody but
 * their parent takes them up again.
 */
export const endChildrenOf = async (
  ports: Ports,
  attemptId: string,
  children: readonly { readonly family: string }[],
): Promise<void> => {
  const query = { table: 'sagas', where: { state: ['running', 'undoing'] } } as const;
  const unfinished = await ports.store.read((tx) => allRows(tx, query));
  for (const { id, name, input } of unfinished)
    if (children.some(({ family }) => family === familyOf(name)) && isOf(input, attemptId))
      await endChild(ports, id, 'the attempt ended');
};

const isOf = (input: Json, attemptId: string): boolean =>
  typeof input === 'object' && input !== null && 'attemptId' in input && input.attemptId === attemptId;
