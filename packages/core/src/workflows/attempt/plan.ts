/**
 * Where an attempt starts. A follow-up continues where the previous attempt ended: on its commits, and in its
 * sandbox and conversation if they still exist. Any other attempt starts at the current targets.
 */

import type { Attempt, Evidence, Session, Workspace } from '@berth/contract';
import type { Json } from '@berth/plugin-api';
import type { GatePlan } from '../../gate/index.ts';
import { allRows, type ReadTx } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { freshFollowUpPrompt, type Refused, type Said, taskPrompt } from '../../task/index.ts';
import { targetsOf } from '../../workspace/index.ts';
import { refreshCopies } from '../landing/refresh-copies.ts';
import { type AttemptFacts, type AttemptInput, factsOf, runIdOf } from './records.ts';
import { gateOf } from './target-gate.ts';
import { reportKept } from './unsaved.ts';

export type Continuity = Session['continuity'];

export type AttemptPlan = StartOfWork & {
  /** The target's gate plan, known before any work starts. */
  readonly gate: GatePlan;
  readonly targets: CommitByRepository;
};

type StartOfWork = {
  /** The commits at which the branch starts, by repository. */
  readonly bases: CommitByRepository;
  /** Existing branches of the task. */
  readonly used: readonly string[];
  /** A sandbox that may still exist, and what its agent needs to continue. */
  readonly earlier?: { readonly sandboxId: string; readonly session?: Json | undefined } | undefined;
};

/** Rejects with `gate.empty` if there is nothing to check the work with. */
export const planAttempt = async (
  ports: Ports,
  input: AttemptInput,
  signal: AbortSignal,
): Promise<AttemptPlan> => {
  return withGate(ports, input, await startOf(ports, input, signal));
};

/** Adds the gate to a plan made by an older version, which lacks it. Rejects as `planAttempt` does. */
export const withGate = async (
  ports: Ports,
  input: AttemptInput,
  plan: StartOfWork & Partial<AttemptPlan>,
): Promise<AttemptPlan> => {
  const { targets, gate } = plan;
  if (targets !== undefined && gate !== undefined) return { ...plan, targets, gate };
  const { workspace } = await factsOf(ports, input);
  const now = await targetsOf(ports, workspace);
  return { ...plan, targets: now, gate: await gateOf(ports, workspace, now) };
};

const startOf = async (ports: Ports, input: AttemptInput, signal: AbortSignal): Promise<StartOfWork> => {
  const { task, workspace, earlier } = await factsOf(ports, input);
  const used = await usedBranches(ports, workspace, task.id);
  const last = earlier.at(-1);
  if (task.followUps.length > 0 && last?.state === 'completed' && last.branch !== undefined) {
    const bases = await tipsOf(ports, workspace, last.branch);
    if (bases !== undefined) return { bases, used, earlier: await conversationOf(ports, last) };
  }
  await reportKept(ports, input.attemptId, earlier);
  await refreshCopies(ports, { workspace, attemptId: input.attemptId, signal });
  return { bases: await targetsOf(ports, workspace), used };
};

const usedBranches = async ({ hub }: Ports, workspace: Workspace, taskId: string): Promise<string[]> => {
  const used = new Set<string>();
  for (const { name } of workspace.repositories) {
    const refs = await hub.listRefs(workspace.id, name, `refs/heads/task/${taskId}`);
    for (const ref of Object.keys(refs)) used.add(ref.slice('refs/heads/'.length));
  }
  return [...used];
};

const tipsOf = async (
  { hub }: Ports,
  workspace: Workspace,
  branch: string,
): Promise<CommitByRepository | undefined> => {
  const commits: Record<string, string> = {};
  for (const { name } of workspace.repositories) {
    const commit = await hub.resolve(workspace.id, name, `refs/heads/${branch}`);
    if (commit === undefined) return undefined;
    commits[name] = commit;
  }
  return commits;
};

/** What the agent returned is in the result of the attempt's run. */
const conversationOf = async ({ store, ids }: Ports, attempt: Attempt): Promise<AttemptPlan['earlier']> => {
  if (attempt.sandboxId === undefined) return undefined;
  const run = await store.read((tx) => tx.table('sagas').get(runIdOf(ids, attempt.id)));
  const result = run?.result;
  const session =
    typeof result === 'object' && result !== null && 'session' in result ? result.session : undefined;
  return { sandboxId: attempt.sandboxId, session };
};

/**
 * What the attempt asks the agent: the latest follow-up, or the task. An agent without the earlier
 * conversation is given it.
 */
export const firstPrompt = async (
  ports: Ports,
  { task, workspace, earlier }: AttemptFacts,
  start: {
    readonly root: string;
    readonly continuity: Continuity;
    /** Of the target, before any work. */
    readonly red: readonly Evidence[];
  },
): Promise<string> => {
  const folders = workspace.repositories.map(({ name }) => `${start.root}/${name}`);
  const asked = task.followUps.at(-1);
  if (asked !== undefined && start.continuity === 'resumed') return asked;
  const refused = await ports.store.read((tx) => refusedIn(tx, task.id, earlier));
  const request = taskPrompt(asked ?? task.prompt, { folders, red: start.red, refused });
  if (asked === undefined) return request;
  const said = await ports.store.read((tx) => saidIn(tx, earlier));
  return freshFollowUpPrompt(request, said);
};

/** Only those since the last completed attempt; earlier ones concern another request. */
const refusedIn = async (tx: ReadTx, taskId: string, earlier: readonly Attempt[]): Promise<Refused[]> => {
  const since = earlier.findLastIndex(({ state }) => state === 'completed') + 1;
  const now = new Set(earlier.slice(since).map(({ id }) => id));
  const rejected = await allRows(tx, { table: 'changes', where: { taskId, state: 'rejected' } });
  return rejected.flatMap(({ attemptId, decision, weakened = [] }) =>
    now.has(attemptId) && decision?.verdict === 'rejected' ? [{ reason: decision.reason, weakened }] : [],
  );
};

const MAX_SAID = 200;

const saidIn = async (tx: ReadTx, attempts: readonly Attempt[]): Promise<Said[]> => {
  const said: Said[] = [];
  for (const { sessionId } of attempts) {
    if (sessionId === undefined) continue;
    const items = await tx.table('items').list({ where: { sessionId }, order: 'desc', limit: MAX_SAID });
    const messages = items.reverse().flatMap(({ body }) => (body.kind === 'message' ? [body] : []));
    said.push(...messages.map(({ role, text }) => ({ role, text })));
  }
  return said;
};
