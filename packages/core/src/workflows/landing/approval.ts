/**
 * What happens to a change that passes but weakens what judges it. By default a person decides, and nothing
 * is held until then: the run is parked and the attempt's sandbox is removed. An approval covers exactly what
 * it was given for: if the target moves and the new landing weakens more, it needs another approval.
 */
import { type Change, fail, type WeakenedPolicy, type Weakening } from '@berth/contract';
import { isAgreedTo } from '../../gate/index.ts';
import { allRows, move, Parked, type Tx } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { requestRemoval } from '../../sandbox/index.ts';

export interface Weakened {
  readonly changeId: string;
  readonly taskId: string;
  readonly gateRunId: string;
  readonly policy: WeakenedPolicy;
  readonly weakened: readonly Weakening[];
  readonly run: string;
}

/**
 * Resolves once the change may land. Rejects with `gate.weakened`, `change.refused`, or `Parked` while there
 * is no decision.
 */
export const allowWeakened = async (ports: Ports, asked: Weakened): Promise<void> => {
  const { changeId, taskId, gateRunId, policy, weakened } = asked;
  if (weakened.length === 0 || policy === 'allow') return;
  if (policy === 'refuse')
    throw fail('gate.weakened', { gateRun: gateRunId, subjects: subjectsOf(weakened) });
  const decision = await ports.store.write((tx) => decisionOn(tx, asked));
  if (decision === undefined) throw new Parked(`the change ${changeId} weakens its gate`);
  if (decision.verdict === 'rejected')
    throw fail('change.refused', {
      id: changeId,
      reason: decision.reason ?? 'no reason was given',
      task: taskId,
    });
};

const decisionOn = async (tx: Tx, asked: Weakened): Promise<Change['decision']> => {
  const change = await tx.table('changes').get(asked.changeId);
  if (change === undefined) throw fail('record.missing', { noun: 'change', id: asked.changeId });
  if (change.decision !== undefined || change.state === 'waiting') return change.decision;
  const patch = { weakened: [...asked.weakened] };
  const decision = await earlierApproval(tx, change, asked.weakened);
  if (decision !== undefined) {
    await tx.table('changes').update(change.id, change.revision, { ...patch, decision });
    return decision;
  }
  await ask(tx, change, { ...asked, patch });
  return undefined;
};

/** The approval of an earlier landing of the same work, if it covers everything weakened now. */
const earlierApproval = async (
  tx: Tx,
  { id, taskId, attemptId, parts }: Change,
  weakened: readonly Weakening[],
): Promise<Change['decision']> => {
  const heads = ({ parts: own }: Pick<Change, 'parts'>): string =>
    JSON.stringify(own.map(({ repository, head }) => [repository, head]));
  const changes = await allRows(tx, { table: 'changes', where: { taskId } });
  return changes.find(
    (one) =>
      one.id !== id &&
      one.attemptId === attemptId &&
      one.decision?.verdict === 'approved' &&
      heads(one) === heads({ parts }) &&
      isAgreedTo(weakened, one.weakened ?? []),
  )?.decision;
};

const ask = async (
  tx: Tx,
  { id, taskId, attemptId }: Change,
  { weakened, run, patch }: Weakened & { readonly patch: Pick<Change, 'weakened'> },
): Promise<void> => {
  const details = { changeId: id, subjects: subjectsOf(weakened) };
  await move(tx, 'changes', id, { trigger: 'approval_asked', patch, details, causedBy: run });
  const task = await tx.table('tasks').get(taskId);
  if (task?.state === 'verifying')
    await move(tx, 'tasks', taskId, { trigger: 'approval_asked', details, causedBy: run });
  const attempt = await tx.table('attempts').get(attemptId);
  const reason = 'its change waits for a person';
  if (attempt?.sandboxId !== undefined)
    await requestRemoval(tx, attempt.sandboxId, { reason, causedBy: run });
};

const MAX_SUBJECTS = 20;
const subjectsOf = (weakened: readonly Weakening[]): string[] =>
  [...new Set(weakened.map(({ subject }) => subject))].slice(0, MAX_SUBJECTS);
