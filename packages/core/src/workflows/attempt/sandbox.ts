/** The sandbox of an attempt: the one that the attempt before left, when it still lives, else a new one. */
import { type EgressPolicy, ERRORS, fail, isBerthError, type Workspace } from '@berth/contract';
import type { PreparedAgent, World } from '../../ports.ts';
import { branchRef, planSandbox, type SandboxPlan } from '../../sandbox/index.ts';
import { createSandbox } from '../create-sandbox.ts';
import { type Start, startFrom } from '../prebuild/ensure.ts';
import { turnRef } from '../take-turn.ts';
import type { AttemptInput } from './attempt.ts';
import { factsOf } from './attempt.ts';
import type { AttemptPlan } from './plan.ts';

export interface SandboxWish {
  readonly input: AttemptInput;
  readonly agent: PreparedAgent;
  readonly plan: AttemptPlan;
  readonly branch: string;
  readonly signal: AbortSignal;
}

export type AttemptSandbox = {
  readonly id: string;
  readonly driver: string;
  readonly root: string;
  readonly adopted: boolean;
};

export const ownSandboxId = ({ ids }: Pick<World, 'ids'>, attemptId: string): string =>
  ids.from('sandbox', `${attemptId}/sandbox`);

/** Of the child run that makes it. */
export const sandboxRunId = ({ ids }: Pick<World, 'ids'>, attemptId: string): string =>
  ids.from('saga', `${attemptId}/sandbox`);

/** Rejects with `setup.failed` where it fails before any work. */
export const sandboxForAttempt = async (world: World, wish: SandboxWish): Promise<AttemptSandbox> => {
  const adopted = await adopt(world, wish);
  if (adopted !== undefined) return adopted;
  try {
    return await create(world, wish);
  } catch (error) {
    if (!isBerthError(error) || error.code !== 'setup.failed') throw error;
    throw fail('setup.failed', { ...ERRORS[error.code].data.parse(error.details), beforeWork: true });
  }
};

/** In one transaction, so that nobody removes it between the look and the claim. */
const adopt = async (world: World, wish: SandboxWish): Promise<AttemptSandbox | undefined> => {
  const { store, clock } = world;
  const { workspace } = await factsOf(world, wish.input);
  return store.write(async (tx) => {
    const { attemptId } = wish.input;
    const id = wish.plan.earlier?.sandboxId;
    const sandbox = id === undefined ? undefined : await tx.table('sandboxes').get(id);
    if (sandbox?.state !== 'running') return undefined;
    if (sandbox.attemptId !== attemptId && (sandbox.expiresAt ?? 0) <= clock.now()) return undefined;
    await tx.table('sandboxes').update(sandbox.id, sandbox.revision, { attemptId, expiresAt: undefined });
    const grant = await tx.table('grants').get(sandbox.id);
    if (grant !== undefined)
      await tx.table('grants').update(grant.id, grant.revision, {
        attemptId,
        readRefs: targetRefsOf(workspace),
        writeRefs: writeRefsOf(wish),
      });
    return { id: sandbox.id, driver: sandbox.driver, root: sandbox.root, adopted: true };
  });
};

const create = async (world: World, wish: SandboxWish): Promise<AttemptSandbox> => {
  const { input, plan, signal } = wish;
  const { task, workspace } = await factsOf(world, input);
  const { attemptId } = input;
  // The branch is there already, and begins at the bases.
  const from = Object.fromEntries(workspace.repositories.map(({ name }) => [name, branchRef(wish.branch)]));
  const start = await startFrom(world, { workspace, commits: plan.bases, from, attemptId, signal });
  const made = await world.sagas.run(createSandbox, {
    id: sandboxRunId(world, input.attemptId),
    input: sandboxPlan(world, wish, { workspace, start, egress: task.egress }),
    subject: ownSandboxId(world, input.attemptId),
    signal,
  });
  return { ...made, adopted: false };
};

interface Wanted {
  readonly workspace: Workspace;
  readonly start: Start;
  readonly egress: EgressPolicy | undefined;
}

const sandboxPlan = (world: World, wish: SandboxWish, { workspace, start, egress }: Wanted): SandboxPlan => {
  const { defaults } = world;
  const { agent, input, plan, branch } = wish;
  // A limit that the workspace names is its owner's word; the default gives way to what the agent needs.
  const memoryBytes =
    workspace.limits?.memoryBytes ?? Math.max(defaults.limits.memoryBytes, agent.memoryBytes);
  return planSandbox(defaults, workspace, {
    ...start,
    id: ownSandboxId(world, input.attemptId),
    purpose: 'attempt',
    attemptId: input.attemptId,
    egress,
    limits: { ...defaults.limits, ...workspace.limits, memoryBytes },
    tools: agent.tools,
    readRefs: targetRefsOf(workspace),
    writeRefs: writeRefsOf(wish),
    checkout: workspace.repositories.map(({ name }) => ({ name, commit: plan.bases[name] ?? '', branch })),
  });
};

/** What a branch is merged with when it conflicts. */
const targetRefsOf = ({ repositories }: Workspace): string[] => [
  ...new Set(repositories.map(({ branch }) => branchRef(branch))),
];

const writeRefsOf = ({ input, branch }: SandboxWish): string[] => [
  branchRef(branch),
  turnRef(input.attemptId, ''),
];
