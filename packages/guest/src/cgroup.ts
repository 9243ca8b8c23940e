/** Counters of the control group of this machine, as far as they can be read from inside (v2 or v1). */
import { readdirSync, readFileSync } from 'node:fs';
import type { SandboxMetrics } from '@berth/contract';

/** Processes that the kernel killed for memory so far; undefined when that cannot be read. */
export const readOutOfMemoryKills = (): number | undefined => {
  const text = read('memory', 'memory.events') ?? read('memory', 'memory.oom_control');
  const match = text === undefined ? null : /^oom_kill (\d+)$/m.exec(text);
  return match === null ? undefined : Number(match[1]);
};

const readMemoryBytes = (): number | undefined =>
  count(read('memory', 'memory.current') ?? read('memory', 'memory.usage_in_bytes'));

/** Undefined when there is none. */
const readMemoryLimitBytes = (): number | undefined => {
  const limit = count(read('memory', 'memory.max') ?? read('memory', 'memory.limit_in_bytes'));
  // Version 1 writes "no limit" as the largest multiple of the page size.
  return limit === undefined || limit > 2 ** 60 ? undefined : limit;
};

const readProcesses = (): number | undefined => count(read('pids', 'pids.current'));

const readCpuSeconds = (): number | undefined => {
  const microseconds = /^usage_usec (\d+)$/m.exec(read('cpu', 'cpu.stat') ?? '');
  if (microseconds !== null) return Number(microseconds[1]) / 1e6;
  const nanoseconds = count(read('cpuacct', 'cpuacct.usage'));
  return nanoseconds === undefined ? undefined : nanoseconds / 1e9;
};

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined;

const found = new Map<string, string | undefined>();

const read = (controller: string, file: string): string | undefined => {
  if (!found.has(file))
    found.set(
      file,
      foldersOf(controller)
        .map((f) => `${f}/${file}`)
        .find(readable),
    );
  const path = found.get(file);
  return path === undefined ? undefined : readText(path);
};

/** Lines of /proc/self/cgroup are `id:controllers:path`; in a cgroup namespace, the path is `/`. */
const foldersOf = (controller: string): string[] => {
  const lines = (readText('/proc/self/cgroup') ?? '').trim().split('\n');
  return lines.flatMap((line) => {
    const [, controllers, path = '/'] = line.split(':');
    if (controllers === '') return [`/sys/fs/cgroup${path}`, `/sys/fs/cgroup/unified${path}`];
    return controllers?.split(',').includes(controller) ? [`/sys/fs/cgroup/${controller}${path}`] : [];
  });
};

const readable = (path: string): boolean => readText(path) !== undefined;

/** Undefined when the file does not exist: not every kernel and driver offers every counter. */
const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** Current resource usage of the machine: its control group as far as it can be read from inside. */
export const readMetrics = (): SandboxMetrics => {
  const values = {
    cpuSeconds: readCpuSeconds(),
    memoryBytes: readMemoryBytes(),
    memoryLimitBytes: readMemoryLimitBytes(),
    processes: readProcesses() ?? countProcesses(),
    outOfMemoryKills: readOutOfMemoryKills(),
  };
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(known), uptimeMs: Math.round(process.uptime() * 1000) };
};

const countProcesses = (): number => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
