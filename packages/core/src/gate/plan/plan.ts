/**
 * Plans what a gate runs: the commands declared by the workspace, or those detected in its repositories.
 * Never empty.
 */
import {
  type EgressPolicy,
  fail,
  type GateCommand,
  type GateProfile,
  type Isolation,
  type Limits,
  type Workspace,
} from '@berth/contract';
import type { CommitByRepository, Hub } from '../../git-ports.ts';
import type { SetupPlan } from '../../setup-plan.ts';
import { isLockFile } from '../repository/lock-files.ts';
import { memberPaths } from '../repository/node-members.ts';
import type { JudgedTree, RepositoryFiles } from '../repository/path-index.ts';
import { detectCommands, GATE_MARKERS } from './detect.ts';

export type PlannedCommand = {
  readonly name: string;
  readonly repository: string;
  readonly run: string;
  readonly timeoutMs: number;
  /** Names of earlier commands whose state this one starts from. */
  readonly needs: readonly string[];
};

export type GatePlan = {
  readonly profile: GateProfile;
  readonly commands: readonly PlannedCommand[];
};

export interface GateInputs {
  readonly workspaceId: string;
  /** Ids of the judged trees, by repository. */
  readonly trees: Readonly<Record<string, string>>;
  readonly commands: readonly PlannedCommand[];
  /** Identifies what the gate's sandboxes are made of (`Machines.identify`). */
  readonly contents: string;
  readonly driver: string;
  readonly isolation: Isolation;
  /** With the egress that it really has. */
  readonly setup?: SetupPlan | undefined;
  readonly egress: EgressPolicy;
  readonly limits: Limits;
  /** What commands hand over to those that need them, in addition to what they add. */
  readonly keep?: readonly string[] | undefined;
}

const MARKER_MAX_BYTES = 256 * 1024;
/** Lock files of large projects reach several MiB. */
const LOCK_MAX_BYTES = 16 * 1024 * 1024;

/**
 * The plan of the target, which decides. Rejects with `gate.empty` if there is nothing to run, because a gate
 * without commands would pass anything.
 */
export const planGate = (
  workspace: Pick<Workspace, 'gate' | 'repositories'>,
  files: readonly RepositoryFiles[],
  defaults: GateDefaults,
): GatePlan => {
  const plan = planOf(workspace, files, defaults);
  if (plan.commands.length === 0) throw fail('gate.empty', { profile: plan.profile });
  return plan;
};

export interface GateDefaults {
  readonly gate: GateProfile;
  readonly gateTimeoutMs: number;
}

/** The same, but the plan may be empty. */
export const planOf = (
  workspace: Pick<Workspace, 'gate' | 'repositories'>,
  files: readonly RepositoryFiles[],
  defaults: GateDefaults,
): GatePlan => {
  const profile = workspace.gate?.profile ?? defaults.gate;
  const declared = workspace.gate?.commands ?? [];
  const commands = declared.length > 0 ? declared : files.flatMap((one) => detectCommands(one, profile));
  const first = workspace.repositories[0]?.name ?? '';
  return { profile, commands: commands.map((command) => planned(command, first, defaults.gateTimeoutMs)) };
};

/** A command in a sandbox of its own. */
export interface LinkedCommand {
  readonly command: PlannedCommand;
  /** The indexes of those that it needs, directly or through others. */
  readonly needs: readonly number[];
  readonly isNeeded: boolean;
}

/** In plan order. A command cannot need a later one. */
export const linked = (commands: readonly PlannedCommand[]): LinkedCommand[] => {
  const needs: number[][] = [];
  for (const command of commands) {
    const direct = [...needs.keys()].filter((index) => isNeeded(commands, command, commands[index]));
    const all = new Set(direct.flatMap((index) => [...(needs[index] ?? []), index]));
    needs.push([...all].sort((one, other) => one - other));
  }
  return commands.map((command, index) => ({
    command,
    needs: needs[index] ?? [],
    isNeeded: needs.some((all) => all.includes(index)),
  }));
};

/** Groups commands that need each other, in plan order: those that share a sandbox if results cannot move. */
export const groupsOf = (commands: readonly PlannedCommand[]): PlannedCommand[][] => {
  const groups: PlannedCommand[][] = [];
  for (const command of commands) {
    const joined = groups.filter((group) => group.some((one) => isNeeded(commands, command, one)));
    const [first] = joined;
    if (first === undefined) groups.push([command]);
    else groups.splice(groups.indexOf(first), 1, [...joined.flat(), command]);
    for (const other of joined.slice(1)) groups.splice(groups.indexOf(other), 1);
  }
  return groups.map((group) => commands.filter((command) => group.includes(command)));
};

const isNeeded = (
  commands: readonly PlannedCommand[],
  { needs, repository }: PlannedCommand,
  other: PlannedCommand | undefined,
): boolean =>
  other !== undefined &&
  needs.includes(other.name) &&
  // Detected commands have the same name in several repositories.
  (other.repository === repository || commands.filter(({ name }) => name === other.name).length === 1);

const planned = (command: GateCommand, first: string, defaultTimeoutMs: number): PlannedCommand => ({
  name: command.name,
  repository: command.repository ?? first,
  run: command.run,
  timeoutMs: command.timeoutMs ?? defaultTimeoutMs,
  needs: command.needs ?? [],
});

/**
 * Reads what the detection needs from the hub, never from a sandbox, so that an agent cannot choose what it
 * is judged by.
 */
export const readForGate = async (
  hub: Pick<Hub, 'files' | 'readFile'>,
  workspaceId: string,
  commits: CommitByRepository,
): Promise<JudgedTree[]> => {
  const all: JudgedTree[] = [];
  for (const [repository, commit] of Object.entries(commits)) {
    const ids = await hub.files(workspaceId, repository, commit);
    const paths = new Set(Object.keys(ids));
    const texts: Record<string, string> = {};
    const read = async (wanted: readonly string[]): Promise<void> => {
      for (const path of wanted) {
        const text = await readAt(hub, workspaceId, repository, { commit, path });
        if (text !== undefined) texts[path] = text;
      }
    };
    await read(GATE_MARKERS.filter((marker) => paths.has(marker)));
    await read(memberPaths({ paths, texts }));
    all.push({ repository, paths, texts, ids });
  }
  return all;
};

export const readAt = (
  hub: Pick<Hub, 'readFile'>,
  workspaceId: string,
  repository: string,
  at: { readonly commit: string; readonly path: string; readonly links?: boolean },
): Promise<string | undefined> =>
  hub.readFile(workspaceId, repository, {
    ...at,
    maxBytes: isLockFile(at.path) ? LOCK_MAX_BYTES : MARKER_MAX_BYTES,
  });

/** SHA-256 over everything that decides a verdict. `digest` returns hex. */
export const gateInputHash = (digest: (text: string) => string, inputs: GateInputs): string =>
  digest(
    JSON.stringify([
      'gate@5',
      inputs.workspaceId,
      Object.entries(inputs.trees).sort(),
      inputs.commands.map(({ name, repository, run, timeoutMs, needs }) => [
        ...[name, repository, run, timeoutMs],
        needs,
      ]),
      inputs.contents,
      inputs.driver,
      inputs.isolation,
      inputs.setup ?? null,
      inputs.egress,
      Object.entries(inputs.limits).sort(),
      inputs.keep ?? [],
    ]),
  );
