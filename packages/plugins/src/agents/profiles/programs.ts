/** Finds an agent's program among the installed packages and says how it is shown and started inside a sandbox. */
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { AgentHost, ToolMount } from '@berth/plugin-api';
import type { AcpProfile, Program } from './profile.ts';

export interface Located {
  readonly source: string;
  readonly tools: readonly ToolMount[];
  /** The start of the argument list, given where tools are inside. */
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
 * A script needs its dependencies: the whole folder of packages that it lies in is shown, under the only name by which
 * Node finds packages that lie beside each other.
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
    return false; // no such file here: the build for older processors runs everywhere
  }
};
