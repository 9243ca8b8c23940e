/**
 * Removal is a tombstone: the request is written with its event, and the reconciler makes it true. Asking again, or for
 * something that is already being removed, changes nothing.
 */
import {
  allows,
  attemptStates,
  type BerthError,
  fail,
  isFinal,
  type Sandbox,
  sandboxStates,
} from '@berth/contract';
import { bodyOf, move, type ReadTx, revive, type Tx } from '../kernel/index.ts';

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

/** Who asks: a token's id, and its name. */
export interface Remover {
  readonly by: string;
  readonly byName?: string | undefined;
}

/**
 * What a person asks for. A sandbox that work goes on in then says who took it away: that work ends with this, and not
 * with how it noticed. Rejects with `state.illegal` when it is gone already.
 */
export const removeFor = async (tx: Tx, id: string, remover: Remover): Promise<Sandbox> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox?.state === 'deleting') return sandbox;
  const isUsed = sandbox !== undefined && (await isWorkedIn(tx, sandbox));
  const patch = isUsed ? { error: bodyOf(fail('sandbox.removed', { id, ...remover })) } : {};
  const details = { reason: 'it was asked for', ...remover };
  return move(tx, 'sandboxes', id, { trigger: 'removal_asked', patch, details });
};

const isWorkedIn = async (tx: ReadTx, { purpose, attemptId = '' }: Sandbox): Promise<boolean> => {
  if (purpose === 'manual') return false;
  if (purpose !== 'attempt') return true;
  const attempt = await tx.table('attempts').get(attemptId);
  return attempt !== undefined && !isFinal(attemptStates, attempt.state);
};

/** Nothing when nobody took it away from the work in it. */
export const removedUnderWork = (sandbox: Sandbox | undefined): BerthError | undefined =>
  sandbox?.error?.code === 'sandbox.removed' ? revive(sandbox.error) : undefined;
