/**
 * Selects the runtime by starting a sandbox with each: being on the path proves nothing (crun refuses some cgroup
 * layouts), and neither does a version. The trial also verifies the isolation from inside.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgramVersion } from '@berth/plugin-api';
import { SYSTEM_PATH } from '../../../linux/system-program.ts';
import type { BundleHost } from './bundle.ts';
import { type IsolatedScript, runIsolated, type ScriptResult, type ScriptTools } from './isolated-script.ts';
import type { Engine } from './launch.ts';
import { judge } from './versions.ts';

export interface Chosen {
  /** Its version and known flaws. */
  readonly note: string;
  readonly engine: Engine;
  readonly compiledSeccomp: string | undefined;
}

export type RuntimeName = Engine['name'];

export interface TrialTools extends Omit<ScriptTools, 'engine'> {
  /** Control groups of both versions are mounted. */
  readonly besideV1: boolean;
  readonly versionOf: (name: RuntimeName, path: string) => Promise<ProgramVersion>;
}

const PACKAGES = 'install one with: apt-get install crun (or: apt-get install runc)';
const TRIAL: IsolatedScript = { script: 'cat /proc/self/status', asOwner: false, timeoutMs: 15_000 };

/** Never rejects; without a usable runtime the result lists what was tried. */
export const chooseEngine = async (
  wanted: readonly RuntimeName[],
  tools: TrialTools,
): Promise<Chosen | { readonly absent: string }> => {
  const tried: string[] = [];
  for (const name of wanted) {
    const path = await findProgram(name);
    if (path === undefined) {
      tried.push(`${name} is not installed`);
      continue;
    }
    const { note, refusal } = judge(name, await tools.versionOf(name, path));
    const result = refusal ?? (await trial({ name, hidesV2: name === 'crun' && tools.besideV1 }, tools));
    if (typeof result !== 'string') return { ...result, note };
    tried.push(result);
  }
  const advice = tried.every((line) => line.endsWith('not installed')) ? `; ${PACKAGES}` : '';
  return { absent: `${tried.join('; ')}${advice}` };
};

const trial = async (engine: Engine, tools: TrialTools): Promise<Omit<Chosen, 'note'> | string> => {
  try {
    const first = await runIsolated(TRIAL, { ...tools, engine });
    const weakness = weaknessOf(first);
    if (weakness !== undefined) return `${engine.name}: ${weakness}`;
    return { engine, compiledSeccomp: await provenFilter(engine, first.compiledSeccomp, tools) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** Passing the compiled filter saves half of crun's start-up; used only if the isolation also holds with it. */
const provenFilter = async (
  engine: Engine,
  compiledSeccomp: string | undefined,
  tools: TrialTools,
): Promise<string | undefined> => {
  if (compiledSeccomp === undefined) return undefined;
  const world: BundleHost = { ...tools.world, compiledSeccomp };
  const second = await runIsolated(TRIAL, { ...tools, world, engine }).catch(() => undefined);
  return second !== undefined && weaknessOf(second) === undefined ? compiledSeccomp : undefined;
};

const weaknessOf = ({ exitCode, output }: ScriptResult): string | undefined => {
  if (exitCode !== 0) return `a trial sandbox exited with ${exitCode}: ${output.slice(-300)}`;
  const expected = { Seccomp: '2', NoNewPrivs: '1', CapEff: '0000000000000000', CapBnd: '0000000000000000' };
  for (const [name, value] of Object.entries(expected)) {
    const found = new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(output)?.[1];
    if (found !== value) return `a trial sandbox had ${name} ${found ?? 'unknown'} instead of ${value}`;
  }
  return undefined;
};

const findProgram = async (name: string): Promise<string | undefined> => {
  for (const folder of SYSTEM_PATH.split(':')) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
};
