/** What a gate will run: the workspace's declared commands, or those that its repositories show. Never nothing. */
import { type EgressPolicy, fail, type GateCommand, type GateProfile, type Workspace } from '@berth/contract';
import type { CommitByRepository, Hub } from '../ports.ts';
import { detectCommands, GATE_MARKERS } from './detect.ts';
import type { RepositoryFiles } from './files.ts';
import { memberPaths } from './node-members.ts';

export type PlannedCommand = {
  readonly name: string;
  readonly repository: string;
  readonly run: string;
  readonly timeoutMs: number;
};

export type GatePlan = {
  readonly profile: GateProfile;
  readonly commands: readonly PlannedCommand[];
};

export interface GateInputs {
  readonly commits: CommitByRepository;
  readonly image?: string | undefined;
  readonly driver: string;
  readonly layers: readonly string[];
  readonly egress: EgressPolicy;
}

const MARKER_MAX_BYTES = 256 * 1024;

/** Rejects with `gate.empty` when there is nothing to run: a gate without commands would pass anything. */
export const planGate = (
  workspace: Pick<Workspace, 'gate' | 'repositories'>,
  files: readonly RepositoryFiles[],
  defaultTimeoutMs: number,
): GatePlan => {
  const profile = workspace.gate?.profile ?? 'standard';
  const declared = workspace.gate?.commands ?? [];
  const commands = declared.length > 0 ? declared : files.flatMap((one) => detectCommands(one, profile));
  if (commands.length === 0) throw fail('gate.empty', { profile });
  const first = workspace.repositories[0]?.name ?? '';
  return { profile, commands: commands.map((command) => planned(command, first, defaultTimeoutMs)) };
};

const planned = (command: GateCommand, first: string, defaultTimeoutMs: number): PlannedCommand => ({
  name: command.name,
  repository: command.repository ?? first,
  run: command.run,
  timeoutMs: command.timeoutMs ?? defaultTimeoutMs,
});

/** Reads what the detection needs from the hub, never from a sandbox: an agent cannot choose its own judge's input. */
export const readForGate = async (
  hub: Pick<Hub, 'files' | 'readFile'>,
  workspaceId: string,
  commits: CommitByRepository,
): Promise<RepositoryFiles[]> => {
  const all: RepositoryFiles[] = [];
  for (const [repository, commit] of Object.entries(commits)) {
    const paths = new Set(Object.keys(await hub.files(workspaceId, repository, commit)));
    const texts: Record<string, string> = {};
    const read = async (wanted: readonly string[]): Promise<void> => {
      for (const path of wanted) {
        const text = await hub.readFile(workspaceId, repository, {
          commit,
          path,
          maxBytes: MARKER_MAX_BYTES,
        });
        if (text !== undefined) texts[path] = text;
      }
    };
    await read(GATE_MARKERS.filter((marker) => paths.has(marker)));
    await read(memberPaths({ paths, texts }));
    all.push({ repository, paths, texts });
  }
  return all;
};

/** SHA-256 over everything that decides a verdict. `digest` gives hex. */
export const gateInputHash = (digest: (text: string) => string, plan: GatePlan, inputs: GateInputs): string =>
  digest(
    JSON.stringify([
      'gate@1',
      Object.entries(inputs.commits).sort(),
      plan.commands.map(({ name, repository, run }) => [name, repository, run]),
      inputs.image ?? null,
      inputs.driver,
      inputs.layers,
      inputs.egress,
    ]),
  );
