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

interface RemovalRequest {
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

/** What the record of a sandbox says of the death of its machine, and of the next one. */

/** Returns the state that it has then; `error` also when it was known already. */
export const lose = async (tx: Tx, id: string, reason: string): Promise<Sandbox['state'] | undefined> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox === undefined || !allows(sandboxStates, sandbox.state, 'lost')) return sandbox?.state;
  const error = bodyOf(fail('sandbox.died', { id, reason }));
  return (await move(tx, 'sandboxes', id, { trigger: 'lost', patch: { error }, details: { reason } })).state;
};

export const recover = async (tx: Tx, id: string, unenforced?: readonly string[]): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox?.state !== 'error') return;
  const patch = { error: undefined, ...(unenforced === undefined ? {} : { unenforced: [...unenforced] }) };
  await move(tx, 'sandboxes', id, { trigger: 'recovered', patch });
};
