/**
 * What a task learns before it pays for an agent's turn: that nothing can be checked, a tool is missing or
 * the target is red.
 */
import {
  dataOf,
  type Evidence,
  fail,
  hasVerdict,
  isBerthError,
  isGreen,
  type Workspace,
} from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import { alwaysGreen, type GatePlan, planGate, programOf, readForGate } from '../../gate/index.ts';
import { Deferred, isDeferred, isStop } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import { progressed } from '../../task/index.ts';
import { targetsOf, workspaceOf } from '../../workspace/index.ts';
import { type Asker, baselineOf, type Target } from '../gate/baseline.ts';
import { refreshCopies } from '../landing/refresh-copies.ts';
import { inSandbox } from '../machine/revive.ts';
import type { AttemptSandbox } from './sandbox.ts';

/** Rejects with `gate.empty`. */
export const gateOf = async (
  { hub, defaults }: Ports,
  workspace: Workspace,
  commits: CommitByRepository,
): Promise<GatePlan> => planGate(workspace, await readForGate(hub, workspace.id, commits), defaults);

/** The same for the targets as copied here. The source is asked for newer ones only if these have no gate. */
export const assertJudged = async (
  ports: Ports,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<void> => {
  if ((workspace.gate?.commands ?? []).length > 0) return;
  try {
    await gateOf(ports, workspace, await targetsOf(ports, workspace));
  } catch (error) {
    if (!isBerthError(error) || error.code !== 'gate.empty') throw error;
    await refreshCopies(ports, { workspace, signal });
    await gateOf(ports, workspace, await targetsOf(ports, workspace));
  }
};

const LOOK_TIMEOUT_MS = 10_000;

interface Wanted {
  readonly plan: GatePlan;
  readonly key: string;
  readonly signal: AbortSignal;
}

/**
 * Rejects with `gate.tool_missing` if the sandbox, which is created like that of the gate, lacks a program
 * named in the gate.
 */
export const assertTools = async (
  ports: Ports,
  { id, driver }: Pick<AttemptSandbox, 'id' | 'driver'>,
  wanted: Wanted,
): Promise<void> =>
  inSandbox(ports, { id, driver, signal: wanted.signal }, ({ sandbox }) =>
    lookForTools(ports, sandbox, wanted),
  );

const lookForTools = async (ports: Ports, sandbox: Sandbox, { plan, key, signal }: Wanted): Promise<void> => {
  const missing = new Set<string>();
  for (const [index, { run, repository, timeoutMs }] of plan.commands.entries()) {
    const program = programOf(run);
    if (program === undefined) continue;
    const { name: tool, environment } = program;
    const exports = environment === '' ? '' : `export ${environment}; `;
    const ended = await sandbox.run(
      {
        id: ports.ids.from('exec', `${key}/tool/${index}`),
        argv: ['/bin/sh', '-c', `${exports}command -v ${tool}`],
        cwd: `${sandbox.root}/${repository}`,
        timeoutMs: Math.min(timeoutMs, LOOK_TIMEOUT_MS),
      },
      signal,
    );
    if (ended.exitCode === NOT_FOUND || ended.exitCode === NOT_FOUND_BY_DASH) missing.add(tool);
  }
  if (missing.size > 0) throw fail('gate.tool_missing', { tools: [...missing] });
};

const NOT_FOUND = 1;
const NOT_FOUND_BY_DASH = 127;

interface Follower {
  readonly target: Target;
  readonly attemptId: string;
  readonly signal: AbortSignal;
}

const STAGE = 'target gate';

/**
 * What is red before any work; empty once work has started. The first attempt on a commit waits for the
 * target's gate, up to `defaults.targetGateWaitMs`, so that its followers learn the result before an agent is
 * paid; they are told in any case once it is known. A gate that ends without a verdict leaves it unknown, which
 * is no reason not to work. Rejects with the reason of the signal, or with `Deferred` while it waits.
 */
export const redBefore = async (ports: Ports, follower: Follower): Promise<readonly Evidence[]> => {
  const { store, clock, defaults } = ports;
  const { attemptId, signal } = follower;
  const attempt = await store.read((tx) => tx.table('attempts').get(attemptId));
  if ((attempt?.rounds ?? 0) > 0) return [];
  const since = (await waitsSince(ports, attemptId)) ?? (await startWaiting(ports, follower));
  try {
    const red = await findRed(ports, follower, { since, signal });
    // Only a green gate ends the stage.
    if (red.length === 0) await progressed(store, { attemptId, stage: STAGE }, clock.now() - since);
    return red;
  } catch (error) {
    if (!isDeferred(error)) return unknownFor(ports, follower)(error);
    const leftMs = since + defaults.targetGateWaitMs - clock.now();
    if (leftMs > 0) throw new Deferred({ ...error.wait, againMs: Math.min(error.wait.againMs, leftMs) });
    findRed(ports, follower, { since, signal, waitMs: LATE_WAIT_MS }).catch(() => undefined);
    return [];
  }
};

/** What the agent works on by then is no longer worth a report. */
const LATE_WAIT_MS = 3_600_000;
/** The stage is one of an attempt's first. */
const MAX_EVENTS_READ = 200;

/** When the attempt started waiting, which may have been before a restart. */
const waitsSince = ({ store }: Ports, attemptId: string): Promise<number | undefined> =>
  store.read(async (tx) => {
    const query = { subject: attemptId, type: 'attempt.progressed', afterSeq: 0, limit: MAX_EVENTS_READ };
    const events = await tx.events(query);
    return events.find((event) => dataOf(event, 'attempt.progressed')?.stage === STAGE)?.at;
  });

const startWaiting = async (ports: Ports, follower: Follower): Promise<number> => {
  await reportAlwaysGreen(ports, follower);
  const { attemptId, target } = follower;
  const at = ports.clock.now();
  await progressed(ports.store, { attemptId, stage: STAGE, detail: await describeGate(ports, target) });
  return at;
};

const reportAlwaysGreen = async (ports: Ports, { target, attemptId }: Follower): Promise<void> => {
  const { workspaceId, commits, plan } = target;
  const lines = alwaysGreen(plan.commands, await readForGate(ports.hub, workspaceId, commits));
  if (lines.length === 0) return;
  const shown = lines.map((line) => `\`${line.slice(0, MAX_SHOWN_CHARACTERS)}\``).join(', ');
  const detail =
    lines.length === plan.commands.length
      ? `the gate cannot fail, so it lands any work: ${shown}`
      : `a part of the gate cannot fail: ${shown}`;
  await progressed(ports.store, { attemptId, stage: 'target', detail });
};
const MAX_SHOWN_CHARACTERS = 200;

const findRed = async (
  ports: Ports,
  { target, attemptId }: Follower,
  asker: Asker,
): Promise<readonly Evidence[]> => {
  const red = (await baselineOf(ports, target, asker)).filter((one) => hasVerdict(one) && !isGreen(one));
  if (red.length > 0) {
    const detail = `red before any work: ${red.map(({ name }) => name).join(', ')}`;
    await progressed(ports.store, { attemptId, stage: 'target', detail });
  }
  return red;
};

/** For failures of the run that judges; a wait of that run is not one of the attempt. */
const unknownFor =
  ({ log }: Ports, { attemptId, signal }: Follower) =>
  (error: unknown): readonly Evidence[] => {
    signal.throwIfAborted();
    if (!isBerthError(error) && !isStop(error)) throw error;
    log.warn('attempt.target_unknown', { attempt: attemptId, error });
    return [];
  };

/** Describes the gate for a person: the commands, and who chose them. */
const describeGate = async (ports: Ports, { workspaceId, plan }: Target): Promise<string> => {
  const { gate } = await workspaceOf(ports, workspaceId);
  const origin = (gate?.commands ?? []).length > 0 ? 'of the workspace' : 'found in the repository';
  const lines = [...new Set(plan.commands.map(({ run }) => run.slice(0, MAX_SHOWN_CHARACTERS)))];
  return `${origin}: ${lines.join(', ')}`;
};
