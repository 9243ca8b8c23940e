/**
 * One attempt at a task, from claim to landing. The task's record follows the steps: after a crash its state
 * says what was in progress, and after a failure it is `failed` with the reason, without a sandbox, and with
 * its branch if there is work on it.
 */
import { type Attempt, DEFAULT_END } from '@berth/contract';
import { asVersion, endChild, type Ids, nothingToUndo, type Patch, saga, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { requestRemoval } from '../sandbox/index.ts';
import { createBranch, dropUnworkedBranches, staged } from '../task/index.ts';
import { type AttemptPlan, type Continuity, firstPrompt, planAttempt, withGate } from './attempt/plan.ts';
import {
  type AttemptFacts,
  type AttemptInput,
  claimTask,
  completeTask,
  endAttempt,
  factsOf,
  startAttempt,
} from './attempt/records.ts';
import { endRounds, workThrough } from './attempt/rounds.ts';
import { ownSandboxId, sandboxForAttempt, sandboxRunId } from './attempt/sandbox.ts';
import { assertTools, redBefore } from './attempt/target-gate.ts';
import { beginBaseline, type Target } from './gate/baseline.ts';

export const runTask = saga<Ports, AttemptInput>('task.run', 2)
  .step('claim', {
    save: (tx, { ports, input, run }) => claimTask(tx, ports, input, run),
    undo: nothingToUndo('the records stay, to say how the attempt ended'),
    unsave: (tx, { ports, input, run }) => endAttempt(tx, ports, input, run),
  })
  .step('agent', {
    do: async ({ ports, input }) => {
      const { task } = await factsOf(ports, input);
      const { tools, memoryBytes, model } = await ports.agents.prepare(task.agent, task.model);
      return { tools: tools.map(({ source, target }) => ({ source, target })), memoryBytes, model };
    },
    save: (tx, { input }, { model }) => patchAttempt(tx, input, { model }),
    undo: nothingToUndo('it only looks'),
  })
  .step('plan', {
    do: ({ ports, input, signal }) => planAttempt(ports, input, signal),
    undo: nothingToUndo('it only looks'),
  })
  .step('branch', {
    do: async ({ ports, input, out }) => createBranch(ports.hub, await branchRequest(ports, input, out.plan)),
    save: (tx, { input }, branch) => patchAttempt(tx, input, { branch }),
    undo: async ({ ports, input, out }) =>
      dropUnworkedBranches(ports.hub, await branchRequest(ports, input, out.plan)),
  })
  .step('sandbox', {
    do: async ({ ports, input, out, key, signal }) => {
      const { agent, branch } = out;
      const { attemptId } = input;
      const plan = await withGate(ports, input, out.plan);
      await beginBaseline(ports, targetOf(await factsOf(ports, input), plan, ports));
      const sandbox = await staged(ports, { attemptId, stage: 'sandbox' }, () =>
        sandboxForAttempt(ports, { input, agent, plan, branch, signal }),
      );
      await assertTools(ports, sandbox, { plan: plan.gate, key, signal });
      return sandbox;
    },
    save: (tx, { ports, input, out, run }, { id, adopted }) => {
      const sessionId = sessionIdOf(ports.ids, input);
      const continuity = continuityOf(out.plan, adopted);
      return startAttempt(tx, input, { sandboxId: id, sessionId, continuity }, run);
    },
    undo: ({ ports, input }) => endChild(ports, sandboxRunId(ports, input.attemptId), 'the attempt ended'),
    unsave: async (tx, { ports, input, out, run }) => {
      for (const id of [ownSandboxId(ports, input.attemptId), out.plan.earlier?.sandboxId ?? '']) {
        const sandbox = await tx.table('sandboxes').get(id);
        // It is removed when it expires.
        const isKept = sandbox?.unsaved !== undefined;
        if (sandbox?.attemptId === input.attemptId && !isKept)
          await requestRemoval(tx, id, { reason: 'the attempt ended', causedBy: run });
      }
    },
  })
  .step('rounds', {
    do: async ({ ports, input, out, signal }) => {
      const facts = await factsOf(ports, input);
      const { task, workspace } = facts;
      const { sandbox, branch } = out;
      const plan = await withGate(ports, input, out.plan);
      const continuity = continuityOf(plan, sandbox.adopted);
      const target = targetOf(facts, plan, ports);
      const red = await redBefore(ports, { target, attemptId: input.attemptId, signal });
      const prompt = await firstPrompt(ports, facts, { root: sandbox.root, continuity, red });
      return workThrough(ports, {
        turn: {
          ...input,
          sessionId: sessionIdOf(ports.ids, input),
          agent: task.agent,
          model: out.agent.model,
          sandbox: { id: sandbox.id, driver: sandbox.driver },
          workspaceId: workspace.id,
          repositories: workspace.repositories.map(({ name }) => name),
          branch,
          title: task.title,
        },
        end: task.end ?? DEFAULT_END,
        maxRounds: task.maxRounds,
        parts: workspace.repositories.map(({ name, branch: target }) => ({ repository: name, target })),
        first: {
          prompt,
          cause: task.followUps.length > 0 ? 'follow_up' : 'task',
          session: sandbox.adopted ? plan.earlier?.session : undefined,
        },
        bases: plan.bases,
        signal,
      });
    },
    undo: ({ ports, input }) => endRounds(ports, input.attemptId),
  })
  .pointOfNoReturn()
  .step('finish', {
    save: async (tx, { ports, input, out, run }) => {
      const { changeId, continued } = out.rounds;
      if (!continued) await openedFresh(tx, sessionIdOf(ports.ids, input));
      await completeTask(tx, ports, input, { changeId, sandboxId: out.sandbox.id, run });
    },
  })
  .returns(({ out }) => ({ changeId: out.rounds.changeId, session: out.rounds.session }));

/** Version 1 plans lacked the gate, which `withGate` adds; otherwise the steps are the same. */
export const runTask1 = asVersion(runTask, 1);

const targetOf = (
  { task, workspace }: AttemptFacts,
  { targets, gate }: AttemptPlan,
  { defaults }: Pick<Ports, 'defaults'>,
): Target => ({
  workspaceId: workspace.id,
  commits: targets,
  plan: gate,
  egress: task.egress ?? workspace.egress ?? defaults.egress,
});

const sessionIdOf = (ids: Ids, { attemptId }: AttemptInput): string =>
  ids.from('session', `${attemptId}/session`);

const continuityOf = (
  plan: { readonly earlier?: { readonly session?: unknown } | undefined },
  adopted: boolean,
): Continuity => {
  if (plan.earlier === undefined) return 'new';
  return adopted && plan.earlier.session !== undefined ? 'resumed' : 'fresh';
};

const branchRequest = async (
  ports: Ports,
  input: AttemptInput,
  plan: { readonly bases: Readonly<Record<string, string>>; readonly used: readonly string[] },
) => {
  const { task } = await factsOf(ports, input);
  return { workspaceId: task.workspaceId, taskId: task.id, bases: plan.bases, used: plan.used };
};

const patchAttempt = async (tx: Tx, { attemptId }: AttemptInput, patch: Patch<Attempt>): Promise<void> => {
  const attempt = await tx.table('attempts').get(attemptId);
  if (attempt !== undefined) await tx.table('attempts').update(attemptId, attempt.revision, patch);
};

/** The agent was asked to resume its conversation and could not. */
const openedFresh = async (tx: Tx, sessionId: string): Promise<void> => {
  const session = await tx.table('sessions').get(sessionId);
  if (session?.continuity === 'resumed')
    await tx.table('sessions').update(sessionId, session.revision, { continuity: 'fresh' });
};
