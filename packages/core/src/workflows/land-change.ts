/**
 * A change lands: merged in the hub, judged on the merge in a fresh sandbox, and only then the target moves, by
 * compare-and-swap, from exactly the commit that was merged with. What was verified is what lands. When the target has
 * moved meanwhile the saga ends with `change.target_moved`, and the caller lands again, without the agent.
 */
import { type ChangePart, fail, type Workspace } from '@berth/contract';
import { advanceTargets, changeRef, dropRef, mergeParts, withdrawTargets } from '../change/index.ts';
import { failedIn, gateInputHash, missingTools, planGate, readForGate, runGate } from '../gate/index.ts';
import { move, nothingToUndo, saga } from '../kernel/index.ts';
import { askRemoval, planSandbox } from '../sandbox/index.ts';
import { staged } from '../task/index.ts';
import type { World } from '../world.ts';
import { endChild } from './child.ts';
import { createSandbox } from './create-sandbox.ts';
import { breakGate, landingStarted, reject } from './land-change-records.ts';
import { startFrom } from './start-from.ts';

export interface LandInput {
  readonly changeId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly workspaceId: string;
  readonly title: string;
  readonly agent: string;
  readonly parts: readonly ChangePart[];
}

export const landChange = saga<World, LandInput>('change.land', 1)
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
      for (const repository of workspace.repositories)
        await ports.hub.refresh(workspace.id, repository, signal);
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
      const commits = await commitsToJudge(ports, workspace, out.merge);
      const files = await readForGate(ports.hub, workspace.id, commits);
      const plan = planGate(workspace, files, ports.defaults.gateTimeoutMs);
      const start = await startFrom(ports, { workspace, commits, attemptId: input.attemptId, signal });
      const sandbox = planSandbox(ports.defaults, workspace, {
        ...start,
        id: ports.ids.from('sandbox', `${input.changeId}/gate`),
        purpose: 'gate',
        attemptId: input.attemptId,
        egress: await egressOf(ports, input.taskId),
        checkout: workspace.repositories.map(({ name, branch }) => ({
          name,
          branch,
          commit: commits[name] ?? '',
        })),
      });
      return { gateRunId: ports.ids.from('gateRun', `${input.changeId}/gate`), commits, plan, sandbox };
    },
    undo: nothingToUndo('it only reads; a layer that was made is of use to others'),
  })
  .step('sandbox', {
    do: ({ ports, input, out, key, signal }) =>
      staged(ports, { attemptId: input.attemptId, stage: 'gate sandbox' }, () =>
        ports.sagas.run(createSandbox, {
          id: ports.ids.from('saga', key),
          input: out.plan.sandbox,
          subject: out.plan.sandbox.id,
          signal,
        }),
      ),
    undo: ({ ports, key }) => endChild(ports, ports.ids.from('saga', key), 'the change did not land'),
    unsave: (tx, { out, run }) =>
      askRemoval(tx, out.plan.sandbox.id, { reason: 'the change did not land', causedBy: run }),
  })
  .step('gateRun', {
    save: async (tx, { ports, input, out }) => {
      const { gateRunId: id, plan, commits, sandbox } = out.plan;
      const inputHash = gateInputHash(ports.digest, plan, {
        ...sandbox,
        driver: out.sandbox.driver,
        commits,
      });
      const { changeId } = input;
      const { profile } = plan;
      await tx.table('gateRuns').insert({
        id,
        state: 'running',
        changeId,
        sandboxId: sandbox.id,
        profile,
        commits,
        inputHash,
        evidence: [],
      });
      const change = await tx.table('changes').get(changeId);
      if (change !== undefined)
        await tx.table('changes').update(changeId, change.revision, { gateRunId: id });
    },
    undo: nothingToUndo('the record stays; a gate that did not come to a verdict is broken'),
    unsave: (tx, { out, run }) => breakGate(tx, out.plan.gateRunId, run),
  })
  .step('gate', {
    do: ({ ports, input, out, key, signal }) =>
      staged(ports, { attemptId: input.attemptId, stage: 'gate' }, async () => {
        const sandbox = await ports.machines.open(out.sandbox.driver, out.plan.sandbox.id);
        const execId = (_: unknown, index: number): string => ports.ids.from('exec', `${key}/${index}`);
        return runGate({ sandbox, commands: out.plan.plan.commands, execId, signal });
      }),
    save: async (tx, { out, run }, evidence) => {
      const trigger = failedIn(evidence).length === 0 ? 'passed' : 'failed';
      await move(tx, 'gateRuns', out.plan.gateRunId, { trigger, patch: { evidence }, causedBy: run });
    },
    undo: nothingToUndo('evidence is kept'),
  })
  .step('approve', {
    do: async ({ ports, input, out, signal }) => {
      const failed = failedIn(out.gate);
      const tools = missingTools(out.gate);
      if (tools.length > 0) throw fail('gate.tool_missing', { gateRun: out.plan.gateRunId, tools });
      if (failed.length > 0) throw fail('gate.red', { gateRun: out.plan.gateRunId, failed });
      await ports.turns.pass(input.workspaceId, input.attemptId, signal);
    },
    save: async (tx, { input, run }) => {
      await move(tx, 'changes', input.changeId, { trigger: 'approved', causedBy: run });
      await move(tx, 'changes', input.changeId, { trigger: 'merge_started', causedBy: run });
      await landingStarted(tx, input.taskId, run);
    },
    undo: nothingToUndo('the record is rejected as a whole'),
  })
  .step('advance', {
    do: ({ ports, input, out }) =>
      staged(ports, { attemptId: input.attemptId, stage: 'land' }, () =>
        advanceTargets(ports.hub, { ...input, parts: out.merge }),
      ),
    undo: ({ ports, input, out }) => withdrawTargets(ports.hub, { ...input, parts: out.merge }),
    // Whether an unanswered move took place is found out by asking again, before others build on it.
    tries: 5,
    decisive: true,
  })
  .pointOfNoReturn()
  .step('merged', {
    save: async (tx, { input, out, run }) => {
      const details = { commits: Object.fromEntries(out.merge.map((part) => [part.repository, part.merge])) };
      await move(tx, 'changes', input.changeId, { trigger: 'merged', details, causedBy: run });
      await askRemoval(tx, out.plan.sandbox.id, { reason: 'the change has landed', causedBy: run });
    },
  })
  .returns(({ input, out }) => ({
    changeId: input.changeId,
    commits: Object.fromEntries(out.merge.map((part) => [part.repository, part.merge])),
  }));

const repositoriesOf = ({ parts }: LandInput): string[] => parts.map((part) => part.repository);

const workspaceOf = async ({ store }: World, id: string): Promise<Workspace> => {
  const workspace = await store.read((tx) => tx.table('workspaces').get(id));
  if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id });
  return workspace;
};

/** A gate runs under the policy that the work was done under. */
const egressOf = async ({ store }: World, taskId: string) =>
  (await store.read((tx) => tx.table('tasks').get(taskId)))?.egress;

const recordOf = async ({ store }: World, id: string) => {
  const change = await store.read((tx) => tx.table('changes').get(id));
  if (change === undefined) throw fail('record.missing', { noun: 'change', id });
  return change;
};

/** The merges, and beside them the targets of repositories that the change does not touch. */
const commitsToJudge = async (
  { hub }: World,
  workspace: Workspace,
  merged: readonly { readonly repository: string; readonly merge: string }[],
): Promise<Record<string, string>> => {
  const commits: Record<string, string> = {};
  for (const { name, branch } of workspace.repositories) {
    const merge = merged.find((part) => part.repository === name)?.merge;
    const commit = merge ?? (await hub.resolve(workspace.id, name, `refs/heads/${branch}`));
    if (commit === undefined) throw fail('branch.missing', { repository: name, branch });
    commits[name] = commit;
  }
  return commits;
};
