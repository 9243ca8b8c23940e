/** Facts about a machine needed to interpret measurements. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export type Facts = Readonly<Record<string, string | number>>;

export const factsOfMachine = (): Facts => ({
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryMB: Math.round(totalmem() / 1e6),
  kernel: release(),
  distribution: distribution(),
  cgroups: cgroupLayout(),
  user: process.getuid?.() === 0 ? 'root' : 'ordinary',
  node: process.version,
  crun: firstLine('crun', ['--version']),
  runc: firstLine('runc', ['--version']),
  docker: firstLine('dockerd', ['--version']),
  git: firstLine('git', ['--version']),
  commit: firstLine('git', ['rev-parse', '--short', 'HEAD']),
  loadAtStart: loadavg()
    .map((load) => load.toFixed(2))
    .join(' '),
});

const distribution = (): string =>
  /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';

const cgroupLayout = (): string => {
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return 'v2';
  return existsSync('/sys/fs/cgroup/unified') ? 'v1 with v2 beside' : 'v1';
};

const firstLine = (program: string, args: readonly string[]): string => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' }).split('\n')[0] ?? '';
  } catch {
    return 'absent'; // itself a fact
  }
};
