/**
 * Kernel limits for a sandbox outside its control group.
 *
 * Two kinds are set for every container, so that nothing depends on how the server was started: per-process limits
 * (rlimits), and per-user-namespace limits (ucounts, /proc/sys/user). The kernel also charges a namespace's usage to
 * its creator, the server's user: so the total of all sandboxes has to fit into that user's limits, or a single
 * sandbox uses up what the whole machine needs. A root server raises them; where it may not, every sandbox gets a
 * share.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Limits } from '@berth/contract';

export interface WatchLimits {
  readonly instances: number;
  readonly watches: number;
}

export interface KernelLimits {
  /** inotify limits of one sandbox. */
  readonly inotify: WatchLimits;
  /** Files that all processes of one sandbox may have open together; infinite when its memory limit is reached first. */
  readonly openFiles: number;
  /** For the operator: what was raised, or what is too low. Empty when nothing had to be done. */
  readonly notes: readonly string[];
}

const MEBIBYTE = 2 ** 20;
const INOTIFY: WatchLimits = { instances: 128, watches: 524_288 };
/** This many sandboxes can use their full limits at once, counting the machine itself as one. */
const TAKERS = 64;
/** Where a limit of the machine cannot be raised, a sandbox gets this share of it. */
const PART = 8;
/** A watched descriptor and an open file use at least this much of a sandbox's memory limit. */
const EPOLL_ITEM_BYTES = 128;
const OPEN_FILE_BYTES = 192;
/** Open files of one process. */
const MAX_OPEN_FILES = 65_536;
const MIN_OPEN_FILES = 1024;

interface Shared {
  readonly file: string;
  readonly wanted: number;
}

const sharedLimits = (memoryBytes: number): Record<'instances' | 'watches' | 'epoll' | 'files', Shared> => ({
  instances: { file: '/proc/sys/fs/inotify/max_user_instances', wanted: INOTIFY.instances * TAKERS },
  watches: { file: '/proc/sys/fs/inotify/max_user_watches', wanted: INOTIFY.watches * TAKERS },
  // To the kernel all sandboxes share the same users, so memory must be the only limit they hit.
  epoll: {
    file: '/proc/sys/fs/epoll/max_user_watches',
    wanted: Math.ceil(memoryBytes / EPOLL_ITEM_BYTES),
  },
  // Of the whole machine, and only root is exempt from it.
  files: { file: '/proc/sys/fs/file-max', wanted: Math.ceil(memoryBytes / OPEN_FILE_BYTES) },
});

/** Raises the shared limits, when this process may, and returns the share of each sandbox. */
export const shareKernelLimits = (rootless: boolean): KernelLimits => {
  const shared = sharedLimits(field('/proc/meminfo', /^MemTotal:\s+(\d+) kB/m) * 1024);
  const notes: string[] = [];
  const share = ({ file, wanted }: Shared, each: number): number => {
    const found = field(file, /^(\d+)/);
    if (found >= wanted) return each;
    const name = file.slice('/proc/sys/'.length).replaceAll('/', '.');
    if (!rootless && raised(file, wanted)) {
      notes.push(`${name} was ${found} and is now ${wanted}`);
      return each;
    }
    notes.push(`${name} is ${found} for all sandboxes together; as root: sysctl ${name}=${wanted}`);
    return Math.min(each, Math.max(1, Math.floor(found / PART)));
  };
  share(shared.epoll, 0);
  return {
    inotify: {
      instances: share(shared.instances, INOTIFY.instances),
      watches: share(shared.watches, INOTIFY.watches),
    },
    openFiles: share(shared.files, Number.POSITIVE_INFINITY),
    notes,
  };
};

const raised = (file: string, value: number): boolean => {
  try {
    writeFileSync(file, String(value));
    return true;
  } catch {
    return false;
  }
};

const field = (file: string, pattern: RegExp): number => {
  try {
    return Number(pattern.exec(readFileSync(file, 'utf8'))?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    // A kernel without this limit cannot exhaust it.
    return Number.POSITIVE_INFINITY;
  }
};

/**
 * Run by the runtime inside the new namespaces, before the program: only there, with capabilities in its user
 * namespace, can its limits be set. No namespace can be created below it, whatever seccomp would allow.
 */
const SET_UCOUNTS = `
# Runtimes say here which container it is, and fail when nobody hears it.
while read -r state; do :; done
cd /proc/sys/user
for name in cgroup ipc mnt net pid time user uts; do
  [ ! -e max_\${name}_namespaces ] || echo 0 > max_\${name}_namespaces
done
for name in groups marks; do
  [ ! -e max_fanotify_$name ] || echo 0 > max_fanotify_$name
done
echo "$1" > max_inotify_instances
echo "$2" > max_inotify_watches
# Memory that nobody has attached, messages that nobody reads and semaphores that nobody waits for would stay when those who
# made them are killed for want of it. Kernels before 6.0 leave these to root of the machine.
cd /proc/sys/kernel
{ echo 1 > shm_rmid_forced; echo 64 > msgmni; echo 250 32000 32 128 > sem; } 2>/dev/null || :`;

export const ucountHook = ({ instances, watches }: WatchLimits): object => ({
  path: '/bin/sh',
  args: ['sh', '-ec', SET_UCOUNTS, 'berth-ucounts', String(instances), String(watches)],
});

interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

const exactly = (name: string, value: number): Rlimit => ({
  type: `RLIMIT_${name}`,
  soft: value,
  hard: value,
});

/**
 * Per process. The kernel counts processes per user *and user namespace* (since 5.14), so that limit applies to one
 * sandbox only, which makes it a true substitute for the cgroup's.
 */
export const rlimitsOf = ({ pids, diskBytes }: Limits, openFiles: number, reservedPids = 0): Rlimit[] =>
  [
    exactly('CORE', 0),
    exactly(
      'NOFILE',
      Math.max(MIN_OPEN_FILES, Math.min(MAX_OPEN_FILES, Math.floor(openFiles / (pids ?? 1)))),
    ),
    exactly('MEMLOCK', 8 * MEBIBYTE),
    // Also charged to the server's user; a queued signal or a timer counts one.
    exactly('SIGPENDING', 1024),
    exactly('MSGQUEUE', 0),
    exactly('NICE', 0),
    exactly('RTPRIO', 0),
    { type: 'RLIMIT_STACK', soft: 8 * MEBIBYTE, hard: 1024 * MEBIBYTE },
    // Immediate, while disk usage is only checked periodically.
    ...(diskBytes === undefined ? [] : [exactly('FSIZE', diskBytes)]),
    ...(pids === undefined ? [] : [exactly('NPROC', pids - reservedPids)]),
  ].map(withinOwn);

/** Nobody may raise a limit above their own. */
const withinOwn = ({ type, soft, hard }: Rlimit): Rlimit => {
  const most = ownHardLimit(type);
  return { type, soft: Math.min(soft, most), hard: Math.min(hard, most) };
};

const NAMES: Readonly<Record<string, string>> = {
  RLIMIT_NOFILE: 'open files',
  RLIMIT_MEMLOCK: 'locked memory',
  RLIMIT_SIGPENDING: 'pending signals',
  RLIMIT_STACK: 'stack size',
  RLIMIT_NPROC: 'processes',
  RLIMIT_FSIZE: 'file size',
};

const ownHardLimit = (type: string): number => {
  const name = NAMES[type];
  if (name === undefined) return Number.POSITIVE_INFINITY;
  // Soft, hard, unit; `unlimited` is not a number.
  return field('/proc/self/limits', new RegExp(`^Max ${name}\\s+\\S+\\s+(\\d+)`, 'm'));
};
