/** Versions of what Berth stands on: the floor, and what is known to be wrong with the one that is here. */
import { readFile } from 'node:fs/promises';
import type { Check } from '@berth/contract';
import { compareVersions, type Flaw, flawsIn, type ProgramVersion } from '@berth/plugin-api';
import type { Git } from '../infra/git/git.ts';

const GIT_TIMEOUT_MS = 10_000;
/** `rev-list --exclude-hidden` came with it, which a push is judged by. */
const GIT_FLOOR = '2.39';
const NODE_FLOOR = '22.19';
/** Processes are counted by user namespace, and a group of commands can be ended at once. */
const KERNEL_FLOOR = '5.14';

const GIT_FLAWS: readonly Flaw[] = [
  {
    name: 'CVE-2024-32002',
    what: 'a clone with submodules runs what the repository says; here none are taken',
    fixed: ['2.39.4', '2.40.2', '2.41.1', '2.42.2', '2.43.4', '2.44.1', '2.45.1'],
    packages: { 'debian 12': '1:2.39.5-0+deb12u1' },
  },
  {
    name: 'CVE-2025-48384',
    what: 'the same by a name that ends a line; here none are taken',
    fixed: ['2.43.7', '2.44.4', '2.45.4', '2.46.4', '2.47.3', '2.48.2', '2.49.1', '2.50.1'],
    packages: { 'debian 12': '1:2.39.5-0+deb12u3' },
  },
];

export const gitCheck = async (git: Git): Promise<Check> => {
  const said = await git(['version'], { timeoutMs: GIT_TIMEOUT_MS }).then(({ stdout }) => stdout, String);
  const version = /git version (\d+\.\d+(?:\.\d+)?)/.exec(said)?.[1];
  const hint = `Install git ${GIT_FLOOR} or newer: apt-get install git`;
  if (version === undefined) return { name: 'git', ok: false, detail: 'git cannot be started', hint };
  const packaged = await packageOf('git', version);
  const known = flawsIn(GIT_FLAWS, { version, packaged }).map(({ name, what }) => ` has ${name} (${what})`);
  const detail = `git ${packaged?.version ?? version}${known.join(',')}`;
  return atLeast({ name: 'git', version, floor: GIT_FLOOR, detail, hint });
};

export const nodeCheck = (version: string): Check =>
  atLeast({
    name: 'node',
    version,
    floor: NODE_FLOOR,
    detail: `node ${version}`,
    hint: `Install Node ${NODE_FLOOR} or newer.`,
  });

export const kernelCheck = (release: string): Check =>
  atLeast({
    name: 'kernel',
    version: release,
    floor: KERNEL_FLOOR,
    detail: `Linux ${release}`,
    hint: `Limits on processes are shared by sandboxes before Linux ${KERNEL_FLOOR}; take a newer kernel.`,
  });

interface Floor {
  readonly name: string;
  readonly version: string;
  readonly floor: string;
  readonly detail: string;
  readonly hint: string;
}

const atLeast = ({ name, version, floor, detail, hint }: Floor): Check => {
  const ok = compareVersions(version, floor) >= 0;
  return { name, ok, detail, ...(ok ? {} : { hint }) };
};

/** Of Debian and its like, when what it installed is the version that answered. */
const packageOf = async (name: string, version: string): Promise<ProgramVersion['packaged']> => {
  const status = await readFile('/var/lib/dpkg/status', 'utf8').catch(() => '');
  const about = status.split('\n\n').find((paragraph) => paragraph.startsWith(`Package: ${name}\n`));
  const packaged = /^Version: (?:\d+:)?(.+)$/m.exec(about ?? '');
  if (packaged?.[1]?.startsWith(version) !== true) return undefined;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (of: string): string => new RegExp(`^${of}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? '';
  return {
    distribution: `${field('ID')} ${field('VERSION_ID')}`,
    version: packaged[0].slice('Version: '.length),
  };
};
