/**
 * Lands a change. First it is verified: merged in the hub, and the merge judged by its target
 * (`verify`), unless the same plan has already judged the same files (`gate/reuse.ts`). Then it advances: each target moves by compare-and-swap from exactly the commit it was merged with, so what was
 * verified is what lands. If any repository of the workspace has moved meanwhile, the saga ends with
 * `change.target_moved`, and the caller lands again without the agent.
 */
import { allows, type ChangePart, changeStates, type Evidence, fail, type Weakening } from '@berth/contract';
import {
  advanceTargets,
  changeRef,
  dropRef,
  judgeRef,
  type MergedPart,
  mergeParts,
  withdrawTargets,
} from '../../change/index.ts';
import { deciding, failedIn, missingTools, weakenedBy } from '../../gate/index.ts';
import { causeOf, move, nothingToUndo, saga, type Tx } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { progressed, staged } from '../../task/index.ts';
import { workspaceOf } from '../../workspace/index.ts';
import { type AlteredEnd, endAltered, runAltered } from '../gate/altered-run.ts';
import { type Asker, baselineOf, type Target } from '../gate/baseline.ts';
import { endParts, type PartsEnd, runParts, setupRedOf } from '../gate/gate-parts.ts';
import { type JudgePlan, planJudging } from '../gate/judge-plan.ts';
import { allowWeakened } from './approval.ts';
import { refreshCopies } from './refresh-copies.ts';

export interface LandInput {
  readonly changeId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly workspaceId: string;
  readonly title: string;
  readonly agent: string;
  readonly parts: readonly ChangePart[];
}

export const landChange = saga<Ports, LandInput>('change.land', 2)
  .step('record', {
    save: async (tx, { input, run }) => {
      const { changeId: id, taskId, attemptId, title, parts } = input;
      await tx.table('changes').insert({ id, state: 'pending', taskId, attemptId, title, parts: [...parts] });
      await move(tx, 'changes', id, { trigger: 'verification_started', causedBy: run });
    },
    undo: nothingToUndo('the record stays, to say why the change did not land'),
    unsave: (tx, { input, run }) => reject(tx, input.changeId, run),
  })
  .step('merge', {
    do: async ({ ports, input, signal }) => {
      const workspace = await workspaceOf(ports, input.workspaceId);
      await refreshCopies(ports, { workspace, signal });
      const { createdAt } = await recordOf(ports, input.changeId);
      return mergeParts(ports.hub, { ...input, id: input.changeId, createdAt });
    },
    save: async (tx, { input }, parts) => {
      const change = await tx.table('changes').get(input.changeId);
      if (change !== undefined) await tx.table('changes').update(change.id, change.revision, { parts });
    },
    undo: ({ ports, input }) =>
      dropRef(ports.hub, input.workspaceId, repositoriesOf(input), changeRef(input.changeId)),
  })
  .step('plan', {
    do: async ({ ports, input, out, signal }) => {
      const workspace = await workspaceOf(ports, input.workspaceId);
      const { createdAt } = await recordOf(ports, input.changeId);
      const judging = { ...input, workspace, createdAt, merged: out.merge, signal };
      const gateRunId = ports.ids.from('gateRun', `${input.changeId}/gate`);
      return { ...(await planJudging(ports, judging)), gateRunId };
    },
    undo: ({ ports, input }) =>
      dropRef(ports.hub, input.workspaceId, repositoriesOf(input), judgeRef(input.changeId)),
  })
  .step('gateRun', {
    save: (tx, { input, out }) => insertGateRun(tx, { ...input, ...out.plan }),
    undo: nothingToUndo('the record stays; a gate that did not come to a verdict is broken'),
    unsave: (tx, { out, run }) => breakGate(tx, out.plan.gateRunId, run),
  })
  .step('gate', {
    do: ({ ports, input, out, key, signal }) => verify(ports, { input, planned: out.plan, key, signal }),
    save: async (tx, { out, run }, { evidence, altered, weakened }) => {
      const { gateRunId, reused } = out.plan;
      const trigger = reused !== undefined ? 'reused' : isPassed(evidence) ? 'passed' : 'failed';
      const patch = { evidence: [...evidence], altered: altered && [...altered], weakened };
      await move(tx, 'gateRuns', gateRunId, { trigger, patch, causedBy: run });
    },
    undo: async ({ ports, input, out, key }) => {
      const reason = 'the change did not land';
      await endParts(ports, { parts: out.plan.parts, key, reason });
      await endAltered(ports, { changeId: input.changeId, planned: out.plan, key, reason });
    },
  })
  .step('approve', {
    do: async ({ ports, input, out, run, signal }) => {
      const { gateRunId } = out.plan;
      const { evidence, weakened } = out.gate;
      const failed = failedIn(deciding(evidence));
      const tools = missingTools(deciding(evidence));
      if (tools.length > 0) throw fail('gate.tool_missing', { gateRun: gateRunId, tools });
      if (failed.length > 0) throw fail('gate.red', { gateRun: gateRunId, failed, task: input.taskId });
      const { gate } = await workspaceOf(ports, input.workspaceId);
      const policy = gate?.weakened ?? 'ask';
      const { changeId, taskId } = input;
      await allowWeakened(ports, { changeId, taskId, gateRunId, policy, weakened, run });
      await ports.precedence.pass(input, signal);
    },
    save: async (tx, { input, run }) => {
      const change = await tx.table('changes').get(input.changeId);
      if (change?.state === 'verifying')
        await move(tx, 'changes', input.changeId, { trigger: 'approved', causedBy: run });
      await move(tx, 'changes', input.changeId, { trigger: 'merge_started', causedBy: run });
      await landingStarted(tx, input.taskId, run);
    },
    undo: nothingToUndo('the record is rejected as a whole'),
  })
  .step('advance', {
    do: ({ ports, input, out }) =>
      staged(ports, { attemptId: input.attemptId, stage: 'land' }, () =>
        advance(ports, { input, parts: out.merge, judgedAt: out.plan.targets }),
      ),
    undo: ({ ports, input, out }) =>
      ports.precedence.exclusively(input.workspaceId, () =>
        withdrawTargets(ports.hub, { ...input, parts: out.merge }),
      ),
    // If a move got no answer, it is repeated to find out whether it took place, before others build on it.
    tries: 5,
    decisive: true,
  })
  .pointOfNoReturn()
  .step('merged', {
    save: async (tx, { input, out, run }) => {
      const details = { commits: landed(out.merge) };
      await move(tx, 'changes', input.changeId, { trigger: 'merged', details, causedBy: run });
    },
  })
  .returns(({ input, out }) => ({ changeId: input.changeId, commits: landed(out.merge) }));

const recordOf = async ({ store }: Ports, id: string) => {
  const change = await store.read((tx) => tx.table('changes').get(id));
  if (change === undefined) throw fail('record.missing', { noun: 'change', id });
  return change;
};

interface Verification {
  readonly input: LandInput;
  readonly planned: JudgePlan;
  /** The key of the step. */
  readonly key: string;
  readonly signal: AbortSignal;
}

const isPassed = (evidence: readonly Evidence[]): boolean => failedIn(deciding(evidence)).length === 0;

/** Whether a merge passes and what it weakens. Nothing moves here. */
const verify = async (ports: Ports, verification: Verification) => {
  const { input, planned, key, signal } = verification;
  const { changeId, workspaceId } = input;
  const { evidence, weakened } = await judge(ports, verification);
  const { targets, plan, egress } = planned;
  const target = { workspaceId, commits: targets, plan, egress };
  const { createdAt: since } = await recordOf(ports, changeId);
  const asker = { since, signal };
  const before = isPassed(evidence) ? await judgedTarget(ports, target, asker) : NOTHING;
  const byTarget = evidence.filter(({ judgedBy }) => judgedBy === 'target');
  const { altered, weakened: disarmed } =
    isPassed(evidence) && isPassed(byTarget)
      ? await runAltered(ports, {
          ...{ changeId, planned, evidence: byTarget, baseline: before.evidence, target, key, asker },
        })
      : NOT_ALTERED;
  await dropRef(ports.hub, workspaceId, repositoriesOf(input), judgeRef(changeId));
  const all = [...planned.weakened, ...weakened, ...before.weakened, ...disarmed];
  return {
    evidence,
    ...(altered === undefined ? {} : { altered }),
    weakened: unique([...all, ...weakenedBy(evidence, before.evidence)]),
  };
};

const NOT_ALTERED: AlteredEnd = { weakened: [] };

const judge = async (
  ports: Ports,
  { input: { attemptId }, planned: { reused, parts }, key, signal }: Verification,
): Promise<PartsEnd> => {
  if (reused === undefined) return runParts(ports, { parts, key, signal });
  await progressed(ports.store, { attemptId, stage: 'gate', detail: `reused from ${reused.gateRunId}` });
  return { evidence: reused.evidence, weakened: [] };
};

/**
 * A failing set-up of the target shows up twice: where its checks should run, and where it is judged itself.
 */
const unique = (all: readonly Weakening[]): Weakening[] => [
  ...new Map(all.map((one) => [JSON.stringify(one), one])).values(),
];

const NOTHING: PartsEnd = { evidence: [], weakened: [] };

/** A target that cannot be set up gives no verdict, and that is for a person to resolve, not an agent. */
const judgedTarget = async (ports: Ports, target: Target, asker: Asker): Promise<PartsEnd> => {
  try {
    return { evidence: await baselineOf(ports, target, asker), weakened: [] };
  } catch (error) {
    const red = setupRedOf(error, Object.keys(target.commits)[0]);
    if (red === undefined) throw error;
    return { evidence: [], weakened: [red] };
  }
};

interface Advance {
  readonly input: LandInput;
  readonly parts: readonly MergedPart[];
  /** The target's commit in every repository of the workspace, when the gate was planned. */
  readonly judgedAt: CommitByRepository;
}

const advance = async (ports: Ports, { input, parts, judgedAt }: Advance): Promise<void> => {
  const { repositories } = await workspaceOf(ports, input.workspaceId);
  const beside = repositories
    .filter(({ name }) => !parts.some(({ repository }) => repository === name))
    .map(({ name, branch }) => ({ repository: name, target: branch, base: judgedAt[name] }));
  await ports.precedence.exclusively(input.workspaceId, () =>
    advanceTargets(ports.hub, { ...input, parts }, beside),
  );
};

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

const insertGateRun = async (
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

const landingStarted = async (tx: Tx, taskId: string, run: string): Promise<void> => {
  const task = await tx.table('tasks').get(taskId);
  if (task?.state === 'verifying')
    await move(tx, 'tasks', taskId, { trigger: 'landing_started', causedBy: run });
};
