/** The sandbox of an attempt: the one the previous attempt left, if it still lives, or a new one. */
import { type EgressPolicy, ERRORS, fail, isBerthError, type Workspace } from '@berth/contract';
import type { Ports, PreparedAgent } from '../../ports.ts';
import { branchRef, planSandbox, type SandboxPlan, targetRefs } from '../../sandbox/index.ts';
import { createSandbox } from '../machine/create-sandbox.ts';
import { ensurePrebuild, type Start } from '../prebuild/ensure.ts';
import type { AttemptPlan } from './plan.ts';
import { type AttemptInput, factsOf } from './records.ts';
import { turnRef } from './take-turn.ts';

export interface SandboxRequest {
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

export const ownSandboxId = ({ ids }: Pick<Ports, 'ids'>, attemptId: string): string =>
  ids.from('sandbox', `${attemptId}/sandbox`);

/** The id of the child run that creates it. */
export const sandboxRunId = ({ ids }: Pick<Ports, 'ids'>, attemptId: string): string =>
  ids.from('saga', `${attemptId}/sandbox`);

/** Rejects with `setup.failed` if the set-up fails before any work. */
export const sandboxForAttempt = async (ports: Ports, request: SandboxRequest): Promise<AttemptSandbox> => {
  const adopted = await adopt(ports, request);
  if (adopted !== undefined) return adopted;
  try {
    return await create(ports, request);
  } catch (error) {
    if (!isBerthError(error) || error.code !== 'setup.failed') throw error;
    throw fail('setup.failed', { ...ERRORS[error.code].data.parse(error.details), beforeWork: true });
  }
};

/** Checked and claimed in one transaction, so that nobody removes it in between. */
const adopt = async (ports: Ports, request: SandboxRequest): Promise<AttemptSandbox | undefined> => {
  const { store, clock } = ports;
  const { workspace } = await factsOf(ports, request.input);
  return store.write(async (tx) => {
    const { attemptId } = request.input;
    const id = request.plan.earlier?.sandboxId;
    const sandbox = id === undefined ? undefined : await tx.table('sandboxes').get(id);
    if (sandbox?.state !== 'running') return undefined;
    if (sandbox.attemptId !== attemptId && (sandbox.expiresAt ?? 0) <= clock.now()) return undefined;
    await tx.table('sandboxes').update(sandbox.id, sandbox.revision, { attemptId, expiresAt: undefined });
    const grant = await tx.table('grants').get(sandbox.id);
    if (grant !== undefined)
      await tx.table('grants').update(grant.id, grant.revision, {
        attemptId,
        readRefs: targetRefs(workspace),
        writeRefs: writeRefsOf(request),
      });
    return { id: sandbox.id, driver: sandbox.driver, root: sandbox.root, adopted: true };
  });
};

const create = async (ports: Ports, request: SandboxRequest): Promise<AttemptSandbox> => {
  const { input, plan, signal } = request;
  const { task, workspace } = await factsOf(ports, input);
  const { attemptId } = input;
  // The branch already exists and starts at the bases.
  const from = Object.fromEntries(
    workspace.repositories.map(({ name }) => [name, branchRef(request.branch)]),
  );
  const start = await ensurePrebuild(ports, { workspace, commits: plan.bases, from, attemptId, signal });
  const made = await ports.sagas.run(createSandbox, {
    id: sandboxRunId(ports, input.attemptId),
    input: sandboxPlan(ports, request, { workspace, start, egress: task.egress }),
    subject: ownSandboxId(ports, input.attemptId),
    signal,
  });
  return { ...made, adopted: false };
};

interface Wanted {
  readonly workspace: Workspace;
  readonly start: Start;
  readonly egress: EgressPolicy | undefined;
}

const sandboxPlan = (
  ports: Ports,
  request: SandboxRequest,
  { workspace, start, egress }: Wanted,
): SandboxPlan => {
  const { defaults } = ports;
  const { agent, input, plan, branch } = request;
  // A limit set by the workspace is its owner's decision; the default yields to what the agent needs.
  const memoryBytes =
    workspace.limits?.memoryBytes ?? Math.max(defaults.limits.memoryBytes, agent.memoryBytes);
  return planSandbox(defaults, workspace, {
    ...start,
    id: ownSandboxId(ports, input.attemptId),
    purpose: 'attempt',
    attemptId: input.attemptId,
    egress,
    limits: { ...defaults.limits, ...workspace.limits, memoryBytes },
    tools: agent.tools,
    readRefs: targetRefs(workspace),
    writeRefs: writeRefsOf(request),
    checkout: workspace.repositories.map(({ name }) => ({ name, commit: plan.bases[name] ?? '', branch })),
  });
};

const writeRefsOf = ({ input, branch }: SandboxRequest): string[] => [
  branchRef(branch),
  turnRef(input.attemptId, ''),
];
