/** How a saga ends another one that one of its steps started. */
import type { Json } from '@berth/plugin-api';
import { allRows, familyOf, isStop } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

/**
 * Ends a child run: undoes it if it was interrupted, leaves it if it has ended, and does nothing if it never
 * started. The child records its own outcome; this rejects only if it has none.
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
 * Ends every turn and landing of an attempt. A crash may have interrupted them, and only their parent resumes
 * them.
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
