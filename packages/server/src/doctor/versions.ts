/** Versions of what Berth depends on: the minimum, and known flaws of the installed one. */
import type { Check } from '@berth/contract';
import { compareVersions, type Flaw, flawsIn, type ProgramVersion, packageOf } from '@berth/plugin-api';
import type { Git } from '../git/git.ts';

const GIT_TIMEOUT_MS = 10_000;
/** Introduced `rev-list --exclude-hidden`, which pushes are checked with. */
const GIT_FLOOR = '2.39';
const NODE_FLOOR = '22.19';
/** Counts processes per user namespace, and can kill a command's control group at once. */
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

/** The server talks to guests over HTTP/2. */
const NODE_FLAWS: readonly Flaw[] = [
  {
    name: 'CVE-2025-59465',
    what: 'a malformed HTTP/2 header may end the process',
    fixed: ['22.22.0', '24.13.0', '25.3.0'],
    branchNumbers: 1,
  },
  {
    name: 'CVE-2026-21714',
    what: 'what a guest sends can make its HTTP/2 session stay in memory',
    fixed: ['22.22.2', '24.14.1', '25.8.2'],
    branchNumbers: 1,
  },
  {
    name: 'CVE-2026-56846',
    what: 'headers of HTTP/2 are not counted as memory of their session',
    fixed: ['22.23.2', '24.18.1'],
    branchNumbers: 1,
  },
];

/** Only the doctor reports it: it ships with the installation, and the store is already open when this runs. */
const SQLITE_FLAWS: readonly Flaw[] = [
  {
    name: 'the corruption at the reset of a journal',
    what: 'a commit beside a checkpoint may be lost',
    since: '3.7.0',
    fixed: ['3.44.6', '3.50.7', '3.51.3'],
  },
];

const describeFlaws = (flaws: readonly Flaw[], found: ProgramVersion): string =>
  flawsIn(flaws, found)
    .map(({ name, what }) => ` has ${name} (${what})`)
    .join(',');

export const gitCheck = async (git: Git): Promise<Check> => {
  const said = await git(['version'], { timeoutMs: GIT_TIMEOUT_MS }).then(({ stdout }) => stdout, String);
  const version = /git version (\d+\.\d+(?:\.\d+)?)/.exec(said)?.[1];
  const hint = `Install git ${GIT_FLOOR} or newer: apt-get install git`;
  if (version === undefined) return { name: 'git', ok: false, detail: 'git cannot be started', hint };
  const packaged = await packageOf({ name: 'git', version });
  const detail = `git ${packaged?.version ?? version}${describeFlaws(GIT_FLAWS, { version, packaged })}`;
  return atLeast({ name: 'git', version, floor: GIT_FLOOR, detail, hint });
};

export const nodeCheck = (version: string): Check =>
  atLeast({
    name: 'node',
    version,
    floor: NODE_FLOOR,
    detail: `node ${version}${describeFlaws(NODE_FLAWS, { version })}`,
    hint: `Install Node ${NODE_FLOOR} or newer.`,
  });

export const sqliteCheck = (version: string): Check => {
  const flaws = describeFlaws(SQLITE_FLAWS, { version });
  const hint = 'Install the dependencies of this version of Berth again: npm ci';
  return { name: 'sqlite', ok: flaws === '', detail: `SQLite ${version}${flaws}`, ...(flaws && { hint }) };
};

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
