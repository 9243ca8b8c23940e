/**
 * The specifics of one kind of ACP agent: where its program is, how to configure its model and to keep it off the
 * network otherwise, and how it reports errors. Measured with the version named in each profile.
 */

import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { AgentHost, ModelAccess, ToolMount } from '@berth/plugin-api';

export interface AcpProfile {
  readonly name: string;
  /** The npm package to install, with the tested version. */
  readonly package: string;
  readonly programs: readonly Program[];
  /** The model API formats it supports. */
  readonly wires: readonly ModelAccess['wire'][];
  readonly memoryBytes: number;
  readonly launch: (world: LaunchWorld) => Launch;
  readonly mode?: string;
  /**
   * Detects from the parameters of a `session/update` that the turn has failed, for an agent whose turn then ends
   * normally. What the agent says next is the reason.
   */
  readonly isFailure?: (params: unknown) => boolean;
}

/** A file of an installed package; the first that exists and can run on this machine is used. */
export type Program =
  | { readonly kind: 'binary'; readonly file: string; readonly machine: string; readonly needsAvx2?: boolean }
  /** Runs on this program's own Node, with the packages installed next to it. */
  | { readonly kind: 'script'; readonly file: string };

interface LaunchWorld {
  readonly model: ModelAccess;
  readonly home: string;
  readonly cwd: string;
}

interface Launch {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path → content. The model token is never among them: it stays in the environment. */
  readonly files: Readonly<Record<string, string>>;
}

export const MIB = 2 ** 20;

/** The environment variable for the model token, for agents that read their key from a configurable one. */
export const TOKEN_VARIABLE = 'BERTH_MODEL_TOKEN';

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * Finds an agent's program among the installed packages and returns how it is mounted and started inside a sandbox.
 */
interface Located {
  readonly source: string;
  readonly tools: readonly ToolMount[];
  /** The start of the argument list, given the paths of the tools inside. */
  readonly command: (toolPath: (target: string) => string) => readonly [string, ...string[]];
}

const NODE_TARGET = '/opt/berth/agents/node';

export const locate = (profile: AcpProfile, host: AgentHost): Located | undefined => {
  const target = `/opt/berth/agents/${profile.name}`;
  for (const program of profile.programs) {
    if (!runsHere(program)) continue;
    const source = host.resolve(program.file);
    if (source !== undefined)
      return program.kind === 'binary' ? binary(source, target) : script(source, program.file, target);
  }
  return undefined;
};

const binary = (source: string, target: string): Located => ({
  source,
  tools: [{ source: dirname(source), target }],
  command: (toolPath) => [`${toolPath(target)}/${basename(source)}`],
});

/**
 * A script needs its dependencies: its whole `node_modules` folder is mounted, under the only name by which Node
 * resolves sibling packages.
 */
const script = (source: string, file: string, folder: string): Located => {
  const target = `${folder}/node_modules`;
  return {
    source,
    tools: [
      { source: source.slice(0, -file.length - 1), target },
      { source: dirname(process.execPath), target: NODE_TARGET },
    ],
    command: (toolPath) => [
      `${toolPath(NODE_TARGET)}/${basename(process.execPath)}`,
      `${toolPath(target)}/${file}`,
    ],
  };
};

const runsHere = (program: Program): boolean =>
  program.kind === 'script' ||
  (program.machine === `${process.platform}-${process.arch}` && (program.needsAvx2 !== true || hasAvx2()));

const hasAvx2 = (): boolean => {
  try {
    return /^flags\s*:.*\bavx2\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false; // the file does not exist here: the build for older CPUs runs everywhere
  }
};
