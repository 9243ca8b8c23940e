/**
 * Removal is a tombstone: the request is recorded with its event, and the reconciler carries it out. Asking
 * again while the sandbox is being removed changes nothing.
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

/** Who asks: the id and name of a token. */
export interface Remover {
  readonly by: string;
  readonly byName?: string | undefined;
}

/**
 * A removal requested by a person. If work is in progress in the sandbox, the record says who removed it, and
 * the work fails with that error rather than with the one that revealed it. Rejects with `state.illegal` if
 * the sandbox is already gone.
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

/** Undefined unless somebody removed the sandbox while work was in progress in it. */
export const removedUnderWork = (sandbox: Sandbox | undefined): BerthError | undefined =>
  sandbox?.error?.code === 'sandbox.removed' ? revive(sandbox.error) : undefined;

/** Records that the machine died. Returns the resulting state; `error` also if the death was already known. */
export const lose = async (tx: Tx, id: string, reason: string): Promise<Sandbox['state'] | undefined> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox === undefined || !allows(sandboxStates, sandbox.state, 'lost')) return sandbox?.state;
  const error = bodyOf(fail('sandbox.died', { id, reason }));
  return (await move(tx, 'sandboxes', id, { trigger: 'lost', patch: { error }, details: { reason } })).state;
};

/** Records that the sandbox has a living machine again. */
export const recover = async (tx: Tx, id: string, unenforced?: readonly string[]): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox?.state !== 'error') return;
  const patch = { error: undefined, ...(unenforced === undefined ? {} : { unenforced: [...unenforced] }) };
  await move(tx, 'sandboxes', id, { trigger: 'recovered', patch });
};
