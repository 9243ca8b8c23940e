/**
 * Removal is a tombstone: the request is written with its event, and the reconciler makes it true. Asking again, or for
 * something that is already being removed, changes nothing.
 */
import { allows, sandboxStates } from '@berth/contract';
import { move, type Tx } from '../kernel/index.ts';

export interface RemovalRequest {
  readonly reason: string;
  readonly causedBy?: string | undefined;
}

export const requestRemoval = async (
  tx: Tx,
  id: string,
  { reason, causedBy }: RemovalRequest,
): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox === undefined || !allows(sandboxStates, sandbox.state, 'removal_asked')) return;
  await move(tx, 'sandboxes', id, { trigger: 'removal_asked', details: { reason }, causedBy });
};
