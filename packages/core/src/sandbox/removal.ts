/**
 * Removal is a tombstone: the wish is written with its event, and the reconciler makes it true. Asking again, or for
 * something that is already on its way out, changes nothing.
 */
import { allows, sandboxStates } from '@berth/contract';
import { move, type Tx } from '../kernel/index.ts';

export interface RemovalWish {
  readonly reason: string;
  readonly causedBy?: string | undefined;
}

export const askRemoval = async (tx: Tx, id: string, { reason, causedBy }: RemovalWish): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox === undefined || !allows(sandboxStates, sandbox.state, 'removal_asked')) return;
  await move(tx, 'sandboxes', id, { trigger: 'removal_asked', details: { reason }, causedBy });
};
