/**
 * The programs of the system that Berth uses, and the Debian packages that hold them. As root on a Debian machine
 * what is missing is installed; elsewhere it is named. Run directly, it lists, installs and reports.
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
  { package: 'uidmap', program: 'newuidmap', why: 'user ids inside sandboxes that an ordinary user starts' },
  { package: 'util-linux', program: 'flock', why: 'the lock of the home' },
];

/** What the tests need beyond that. */
export const TEST_NEEDS: readonly Need[] = [
  { package: 'chromium', program: 'chromium', why: 'the tests look at the dashboard with it' },
  { package: 'openssl', program: 'openssl', why: 'the tests make the certificate of a source with it' },
  { package: 'curl', program: 'curl', why: 'the examples of the guide call the server with it' },
  { package: 'jq', program: 'jq', why: 'the examples of the guide read answers with it' },
];

/** What is still missing afterwards, a sentence each. */
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
