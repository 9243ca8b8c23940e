/**
 * The parts of a gate: planning them, running them one after the other, ending them, and hashing their
 * inputs.
 */
import {
  type EgressPolicy,
  ERRORS,
  type Evidence,
  isBerthError,
  type Weakening,
  type Workspace,
} from '@berth/contract';
import {
  type GatePlan,
  gateInputHash,
  groupsOf,
  linked,
  type PlannedCommand,
  setupRed,
} from '../../gate/index.ts';
import { endChild, type RunRequest } from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import type { WorkEgress } from '../../prebuild/index.ts';
import { planSandbox, type SandboxPlan } from '../../sandbox/index.ts';
import { plannedSetup, type Start } from '../prebuild/ensure.ts';
import { checkCommand, type HandedOver } from './check-command.ts';
import { checkGate, type GatePart } from './check-gate.ts';

export interface GateSandbox {
  readonly id: string;
  readonly start: Start;
  readonly attemptId?: string | undefined;
  readonly egress: EgressPolicy;
  readonly commits: CommitByRepository;
  /** The hub refs that lead to the commits, by repository. Default: the target's ref. */
  readonly from?: Readonly<Record<string, string>> | undefined;
}

export const gateSandbox = (
  { defaults }: Pick<Ports, 'defaults'>,
  workspace: Workspace,
  { id, start, attemptId, egress, commits, from }: GateSandbox,
): SandboxPlan =>
  planSandbox(defaults, workspace, {
    ...start,
    id,
    purpose: 'gate',
    attemptId,
    egress,
    checkout: workspace.repositories.map(({ name, branch }) => ({
      name,
      branch,
      commit: commits[name] ?? '',
      from: from?.[name],
    })),
  });

/** The parts in which commands run, without their sandboxes. `before` is the number of parts in front of them. */
export const partsOf = async (
  { machines }: Pick<Ports, 'machines'>,
  { driver, gate }: Pick<Workspace, 'driver' | 'gate'>,
  commands: readonly PlannedCommand[],
  before = 0,
): Promise<Pick<GatePart, 'commands' | 'needs' | 'isNeeded' | 'keep'>[]> => {
  const { name } = await machines.choose({ driver });
  if (machines.facets(name).snapshots === undefined)
    return groupsOf(commands).map((group) => ({ commands: group }));
  return linked(commands).map(({ command, needs, isNeeded }) =>
    needs.length === 0 && !isNeeded
      ? { commands: [command] }
      : { commands: [command], needs: needs.map((index) => before + index), isNeeded, keep: gate?.keep },
  );
};

type Judged = Pick<GateSandbox, 'commits' | 'egress' | 'attemptId'> &
  Pick<GatePlan, 'commands'> & {
    /** For the work of an attempt: whether its task asked for the egress (`WorkEgress`). */
    readonly isEgressAsked?: WorkEgress['isAsked'] | undefined;
  };

/** A hash of everything that a verdict on the files of these commits by these commands depends on. */
export const judgedBy = async (ports: Ports, workspace: Workspace, judged: Judged): Promise<string> => {
  const { commits, egress, commands, attemptId, isEgressAsked } = judged;
  const { name: driver, isolation } = await ports.machines.choose({ driver: workspace.driver });
  const work = isEgressAsked === undefined ? undefined : { egress, isAsked: isEgressAsked };
  const setup = await plannedSetup(
    ports,
    { name: driver, isolation },
    { workspace, commits, attemptId, work },
  );
  const { image, limits } = gateSandbox(ports, workspace, { id: '', start: { layers: [] }, egress, commits });
  return gateInputHash(ports.digest, {
    workspaceId: workspace.id,
    trees: await treesOf(ports, workspace.id, commits),
    contents: await ports.machines.identify(driver, image),
    ...{ commands, driver, isolation, setup, egress, limits },
    keep: workspace.gate?.keep,
  });
};

const treesOf = async (
  { hub }: Pick<Ports, 'hub'>,
  workspaceId: string,
  commits: CommitByRepository,
): Promise<Readonly<Record<string, string>>> => {
  const trees: Record<string, string> = {};
  for (const [name, commit] of Object.entries(commits))
    trees[name] = await hub.tree(workspaceId, name, commit);
  return trees;
};

export interface RunOfParts {
  readonly parts: readonly GatePart[];
  /** The key of the step that runs them. */
  readonly key: string;
  readonly signal: AbortSignal;
}

export interface PartsEnd {
  readonly evidence: readonly Evidence[];
  /** The set-up for the target's judgement failed where that for the change works. */
  readonly weakened: readonly Weakening[];
}

export const runParts = async (ports: Ports, { parts, key, signal }: RunOfParts): Promise<PartsEnd> => {
  const evidence: Evidence[] = [];
  const results = new Map<number, HandedOver>();
  let weakened: Weakening[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.judgedBy === 'target' && weakened.length > 0) continue;
    const run = { id: runOfPart(ports, key, index), subject: part.sandbox.id, signal };
    try {
      const { evidence: found, handedOver } = await runPartOf(ports, part, { run, results });
      evidence.push(...found);
      if (handedOver !== undefined) results.set(index, handedOver);
    } catch (error) {
      const red = setupRedOf(error, part.sandbox.checkout[0]?.name);
      const isJudgedBeside = part.judgedBy === 'target' && parts.some((one) => one.judgedBy === 'change');
      if (red === undefined || !isJudgedBeside) throw error;
      weakened = [red];
    }
  }
  return { evidence: evidence.filter((one) => one.judgedBy !== 'target' || weakened.length === 0), weakened };
};

interface RunOfPart {
  readonly run: Pick<RunRequest<never>, 'id' | 'subject' | 'signal'>;
  readonly results: ReadonlyMap<number, HandedOver>;
}

const runPartOf = async (
  { sagas }: Pick<Ports, 'sagas'>,
  part: GatePart,
  { run, results }: RunOfPart,
): Promise<{ readonly evidence: readonly Evidence[]; readonly handedOver?: HandedOver | undefined }> => {
  if (part.needs === undefined) return { evidence: await sagas.run(checkGate, { ...run, input: part }) };
  const needed = part.needs.flatMap((index) => results.get(index) ?? []);
  const layers = [
    ...needed.map(({ outputs }) => outputs),
    ...part.sandbox.layers,
    ...needed.flatMap(({ kept }) => kept ?? []),
  ];
  const input = { ...part, sandbox: { ...part.sandbox, layers }, results: needed };
  return sagas.run(checkCommand, { ...run, input });
};

export const endParts = async (
  ports: Ports,
  { parts, key, reason }: Pick<RunOfParts, 'parts' | 'key'> & { readonly reason: string },
): Promise<void> => {
  for (const index of parts.keys()) await endChild(ports, runOfPart(ports, key, index), reason);
};

const runOfPart = ({ ids }: Pick<Ports, 'ids'>, key: string, index: number): string =>
  ids.from('saga', `${key}/${index}`);

/** The weakening that a failed set-up means for its target; undefined for any other error. */
export const setupRedOf = (error: unknown, repository = ''): Weakening | undefined => {
  if (!isBerthError(error) || error.code !== 'setup.failed') return undefined;
  const { command, exitCode, timeoutMs } = ERRORS[error.code].data.parse(error.details);
  const how = timeoutMs === undefined ? `exit code ${exitCode ?? 'none'}` : `not within ${timeoutMs} ms`;
  return setupRed(repository, command, how);
};
