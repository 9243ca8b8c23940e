/**
 * What the kernel counts for a sandbox outside its control group.
 *
 * Two kinds are named for every container, so that nothing depends on how the server was started: limits of each process
 * (rlimits), and what a user namespace may have (ucounts, /proc/sys/user). The kernel charges what a namespace uses to
 * the one who made it, too, which is the server's user: so what all sandboxes together may have has to fit into the
 * limits of that one, or a single sandbox takes what the whole machine needs. A server that is root raises them; where it
 * may not, every sandbox gets a part.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Limits } from '@berth/contract';

export interface WatchLimits {
  readonly instances: number;
  readonly watches: number;
}

export interface KernelLimits {
  /** Of inotify, for one sandbox. */
  readonly inotify: WatchLimits;
  /** For an operator: what was raised, or what is short. Empty when nothing had to be done. */
  readonly notes: readonly string[];
}

const MEBIBYTE = 2 ** 20;
const INOTIFY: WatchLimits = { instances: 128, watches: 524_288 };
/** So many sandboxes can take all of theirs at once, the machine itself counted as one. */
const TAKERS = 64;
/** Where a limit of the machine cannot be raised, a sandbox gets this part of it. */
const PART = 8;
/** A watched descriptor takes more than this of the memory that a sandbox is limited in. */
const EPOLL_ITEM_BYTES = 128;

interface Shared {
  readonly file: string;
  readonly wanted: number;
}

const sharedLimits = (memoryBytes: number): Record<'instances' | 'watches' | 'epoll', Shared> => ({
  instances: { file: '/proc/sys/fs/inotify/max_user_instances', wanted: INOTIFY.instances * TAKERS },
  watches: { file: '/proc/sys/fs/inotify/max_user_watches', wanted: INOTIFY.watches * TAKERS },
  // All sandboxes have the same users for the kernel, so only their memory may be what they run out of.
  epoll: {
    file: '/proc/sys/fs/epoll/max_user_watches',
    wanted: Math.ceil(memoryBytes / EPOLL_ITEM_BYTES),
  },
});

/** Raises what all sandboxes share, when this process may, and says what each of them gets. */
export const shareKernelLimits = (rootless: boolean): KernelLimits => {
  const shared = sharedLimits(field('/proc/meminfo', /^MemTotal:\s+(\d+) kB/m) * 1024);
  const notes: string[] = [];
  const share = ({ file, wanted }: Shared, each: number): number => {
    const found = field(file, /^(\d+)/);
    if (found >= wanted) return each;
    const name = file.slice('/proc/sys/'.length).replaceAll('/', '.');
    if (!rootless && raised(file, wanted)) {
      notes.push(`${name} was ${found} and is ${wanted} now`);
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
    // A kernel without this limit cannot run out of it.
    return Number.POSITIVE_INFINITY;
  }
};

/**
 * Run by the runtime inside the new namespaces, before the program: only there, with rights over its user namespace, can
 * its limits be set. No namespace can be made below it, whatever the filter of system calls would let through.
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
 * Of every process. The kernel counts the number of processes per user *and user namespace* (since 5.14), so that limit
 * concerns one sandbox alone, which makes it a true substitute for the group's.
 */
export const rlimitsOf = ({ pids, diskBytes }: Limits, reservedPids = 0): Rlimit[] =>
  [
    exactly('CORE', 0),
    exactly('NOFILE', 65_536),
    exactly('MEMLOCK', 8 * MEBIBYTE),
    // Charged to the server's user as well; a queued signal or a timer counts one.
    exactly('SIGPENDING', 1024),
    exactly('MSGQUEUE', 0),
    exactly('NICE', 0),
    exactly('RTPRIO', 0),
    { type: 'RLIMIT_STACK', soft: 8 * MEBIBYTE, hard: 1024 * MEBIBYTE },
    // At once, where the disk as a whole is looked at from time to time.
    ...(diskBytes === undefined ? [] : [exactly('FSIZE', diskBytes)]),
    ...(pids === undefined ? [] : [exactly('NPROC', pids - reservedPids)]),
  ].map(withinOwn);

/** Nobody may give more than they have. */
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
  // Soft, hard, unit; `unlimited` is no number.
  return field('/proc/self/limits', new RegExp(`^Max ${name}\\s+\\S+\\s+(\\d+)`, 'm'));
};
