/**
 * System programs used by Berth, and their Debian packages. As root on a Debian machine missing ones are installed;
 * elsewhere they are listed. Run directly, it lists, installs and reports.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

interface Need {
  readonly package: string;
  readonly program: string;
  readonly why: string;
}

export const NEEDS: readonly Need[] = [
  { package: 'git', program: 'git', why: 'the hub repositories, merges and landings' },
  { package: 'crun', program: 'crun', why: 'starts sandboxes: the lighter OCI runtime' },
  { package: 'runc', program: 'runc', why: 'starts sandboxes where crun refuses the cgroup layout' },
  { package: 'uidmap', program: 'newuidmap', why: 'user ids inside rootless sandboxes' },
  { package: 'util-linux', program: 'flock', why: 'the lock of the home' },
];

/** What the tests need in addition. */
export const TEST_NEEDS: readonly Need[] = [
  { package: 'chromium', program: 'chromium', why: 'used by the dashboard tests' },
  { package: 'openssl', program: 'openssl', why: 'used by the tests to create a certificate' },
  { package: 'python3', program: 'python3', why: 'used by the tests of what disarms tests in Python' },
  { package: 'curl', program: 'curl', why: 'used by the examples of the guide to call the server' },
  {
    package: 'e2fsprogs',
    program: 'mkfs.ext4',
    why: 'used by the tests of disk limits to make a small disk',
  },
  { package: 'python3', program: 'python3', why: 'used by the tests of disk limits, inside sandboxes' },
  { package: 'jq', program: 'jq', why: 'used by the examples of the guide to read responses' },
];

/** What is still missing afterwards, one sentence each. */
export const ensurePackages = (needs: readonly Need[] = NEEDS): string[] => {
  const missing = needs.filter(({ program }) => !isInstalled(program));
  if (missing.length > 0 && mayInstall()) install(missing);
  return needs
    .filter(({ program }) => !isInstalled(program))
    .map((need) => `${need.program} is missing (${need.why}); install it: apt-get install ${need.package}`);
};

const isInstalled = (program: string): boolean =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].some((folder) =>
    existsSync(join(folder, program)),
  );

const mayInstall = () =>
  process.getuid?.() === 0 && existsSync('/etc/debian_version') && isInstalled('apt-get');

const install = (needs: readonly Need[]): void => {
  for (const need of needs) console.log(`installing ${need.package}: ${need.why}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: readonly string[]) =>
    spawnSync('apt-get', ['-q', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  apt('update');
  const packages = needs.map((need) => need.package);
  const { status, stderr } = apt('install', '-y', '--no-install-recommends', ...packages);
  if (status !== 0) console.error(stderr.trimEnd());
};

if (import.meta.main) {
  const needs = [...NEEDS, ...TEST_NEEDS];
  for (const need of needs) console.log(`${need.package.padEnd(8)} ${need.why}`);
  const missing = ensurePackages(needs);
  for (const sentence of missing) console.error(sentence);
  process.exitCode = missing.length === 0 ? 0 : 1;
}
