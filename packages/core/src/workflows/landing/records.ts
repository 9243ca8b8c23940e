/** The input of a landing, and the record updates when it succeeds or fails. */
import { allows, type ChangePart, changeStates } from '@berth/contract';
import type { MergedPart } from '../../change/index.ts';
import { causeOf, move, type Tx } from '../../kernel/index.ts';
import type { JudgePlan } from '../gate/judge-plan.ts';

export interface LandInput {
  readonly changeId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly workspaceId: string;
  readonly title: string;
  readonly agent: string;
  readonly parts: readonly ChangePart[];
}

export const repositoriesOf = ({ parts }: LandInput): string[] => parts.map((part) => part.repository);

/** The merge commits, by repository. */
export const landed = (parts: readonly MergedPart[]): Record<string, string> =>
  Object.fromEntries(parts.map((part) => [part.repository, part.merge]));

export const reject = async (tx: Tx, changeId: string, run: string): Promise<void> => {
  const change = await tx.table('changes').get(changeId);
  if (change === undefined || !allows(changeStates, change.state, 'rejected')) return;
  const error = await causeOf(tx, run);
  const details = error === undefined ? {} : { code: error.code };
  await move(tx, 'changes', changeId, { trigger: 'rejected', patch: { error }, details, causedBy: run });
};

export const insertGateRun = async (
  tx: Tx,
  planned: JudgePlan & { readonly gateRunId: string; readonly changeId: string },
): Promise<void> => {
  const { gateRunId: id, changeId, plan, commits, inputHash, planHash, parts, reused } = planned;
  const sandboxId = reused?.sandboxId ?? parts[0]?.sandbox.id;
  if (sandboxId === undefined) return;
  await tx.table('gateRuns').insert({
    id,
    state: 'running',
    changeId,
    sandboxId,
    profile: plan.profile,
    commits,
    inputHash,
    planHash,
    reusedFrom: reused?.gateRunId,
    evidence: [],
  });
  const change = await tx.table('changes').get(changeId);
  if (change !== undefined) await tx.table('changes').update(changeId, change.revision, { gateRunId: id });
};

/** A gate without a verdict has not passed. */
export const breakGate = async (tx: Tx, gateRunId: string, run: string): Promise<void> => {
  const gateRun = await tx.table('gateRuns').get(gateRunId);
  if (gateRun?.state !== 'running') return;
  const error = await causeOf(tx, run);
  await move(tx, 'gateRuns', gateRunId, { trigger: 'broke', patch: { error }, causedBy: run });
};

export const landingStarted = async (tx: Tx, taskId: string, run: string): Promise<void> => {
  const task = await tx.table('tasks').get(taskId);
  if (task?.state === 'verifying')
    await move(tx, 'tasks', taskId, { trigger: 'landing_started', causedBy: run });
};
