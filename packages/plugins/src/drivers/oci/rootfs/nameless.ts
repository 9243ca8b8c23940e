/**
 * Unlinked files of a sandbox: a file exists as long as anything holds it open, and no walk sees it.
 *
 * They are found in procfs, in the descriptors and mappings of all tasks of the sandbox (found by their pid
 * namespace, which nothing inside can leave or create). A descriptor in flight in a socket is invisible; only their
 * number is reported. When there are any, the measurement is void, and the caller assumes the sandbox's limit.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import type { Unenforced } from '@berth/plugin-api';
import { ifMissing, ifMissingOrForbidden } from '../../../linux/missing.ts';
import { isAlive, type ProcessMark, statOf } from '../../../linux/processes.ts';
import { runSystemProgram } from '../../../linux/system-program.ts';
import type { Identity } from '../identity.ts';
import { type DiskSize, NOTHING } from './disk-usage.ts';

const LOOK_TIMEOUT_MS = 60_000;
/** A multiple of the process limit of most sandboxes; their folders are arguments of one program. */
const MAX_TASKS = 20_000;
/** Below the sandbox's root: the mounts on the disk. */
const ON_DISK = ['workspace', 'home/agent', 'run/berth'];

/** $1: file systems, $2 and $3: what is too much. Then links to files, and folders of such links. */
const LOOK = `
devices=$1 most_bytes=$2 most_inodes=$3
shift 3
{ find -L "$@" -maxdepth 1 -ignore_readdir_race \\
    \\( -links 0 -printf 'file %D %i %b\\n' -o -type s -printf 'socket %p\\n' \\) 2>&1 || echo "ended with $?"; } |
  awk -v devices="$devices" -v most_bytes="$most_bytes" -v most_inodes="$most_inodes" '
    BEGIN { count = split(devices, list, " "); for (i = 1; i <= count; i++) on_disk[list[i]] = 1 }
    /^find: .*: (No such file or directory|No such process|Permission denied)$/ { gone = 1; next }
    gone && $0 == "ended with 1" { next }
    $1 == "socket" && NF == 2 {
      info = $2
      sub("/fd/", "/fdinfo/", info)
      while ((getline line < info) > 0) if (line ~ /^scm_fds:[[:space:]]*[1-9]/) in_flight = 1
      close(info)
      next
    }
    $1 != "file" || NF != 4 { failed = $0; exit }
    !($2 in on_disk) || (($2, $3) in seen) { next }
    { seen[$2, $3] = 1; inodes += 1; bytes += $4 * 512 }
    bytes > most_bytes || inodes > most_inodes { exit }
    END {
      if (failed == "" && in_flight && bytes <= most_bytes && inodes <= most_inodes)
        failed = "descriptors are in flight between processes, and what they hold cannot be seen"
      if (failed != "") { print failed; exit 1 }
      printf "%.0f %.0f\\n", bytes, inodes
    }'`;

export interface Holder {
  readonly folder: string;
  /** Its processes are in the pid namespace of this one. */
  readonly first: ProcessMark;
  readonly identity: Identity;
}

/** Up to the first excess. Zero when it has exited. */
export const measureNameless = async (
  { folder, first, identity }: Holder,
  most: DiskSize,
): Promise<DiskSize> => {
  const tasks = await tasksOf(first);
  if (tasks.length === 0) return NOTHING;
  const sockets = await boundSockets(first.pid);
  if (sockets > most.inodes) return { bytes: 0, inodes: sockets };
  const left = [most.bytes, most.inodes - sockets].map((value) => Math.min(value, Number.MAX_SAFE_INTEGER));
  const devices = await devicesOf(folder, first.pid);
  const shell = ['nice', '-n', '10', '/bin/sh', '-c', LOOK, 'berth-nameless'];
  const argv = [...within(identity, first), ...shell, devices.join(' '), ...left.map(String), ...tasks];
  const { code, stdout, stderr } = await runSystemProgram(argv, LOOK_TIMEOUT_MS);
  const [, bytes, inodes] = /^(\d+) (\d+)\n$/.exec(stdout) ?? [];
  if (code === 0) return { bytes: Number(bytes), inodes: Number(inodes) + sockets };
  throw notMeasured(folder, code === null ? `not within ${LOOK_TIMEOUT_MS} ms` : `${stdout}${stderr}`);
};

/** The links in /proc belong to users that a rootless server has rights over only within their user namespace. */
const within = ({ rootless, single }: Identity, { pid }: ProcessMark): string[] =>
  rootless && single === undefined ? ['nsenter', '--target', String(pid), '--user', '--'] : [];

const notMeasured = (folder: string, why: string): Error =>
  fail('driver.failed', {
    driver: 'oci',
    act: 'measure',
    detail: `unlinked files of ${folder} could not be measured: ${why.trim().slice(0, 300)}`,
  });

/** Bytes written to disks by its live processes and their reaped children; a lower bound of what was written. */
export const writtenBy = async (first: ProcessMark): Promise<number> => {
  const files = (await processesOf(first)).map((pid) =>
    readFile(`/proc/${pid}/io`, 'utf8').catch(ifMissingOrForbidden('')),
  );
  return (await Promise.all(files)).reduce((all, text) => all + Number(WRITTEN.exec(text)?.[1] ?? 0), 0);
};

const WRITTEN = /^write_bytes: (\d+)$/m;

/** Why files in use cannot be measured whole on this machine. What the server may not see counts as zero. */
export const unseenHeld = async (
  first: ProcessMark,
  identity: Identity,
  canFreeze: boolean,
): Promise<Unenforced[]> => [
  ...(await unseenOpen(first, identity)),
  ...(canFreeze ? [] : [{ kind: 'disk', reason: UNSEEN_IN_CALLS } as const]),
];

const UNSEEN_IN_CALLS =
  'files that only a blocked system call holds are not measured: nothing can be frozen here to make it let go';

const unseenOpen = async (first: ProcessMark, identity: Identity): Promise<Unenforced[]> => {
  if (within(identity, first).length > 0) return [];
  const error = await readlink(`/proc/${first.pid}/fd/0`).then(
    () => undefined,
    (failure: NodeJS.ErrnoException) => failure.code,
  );
  const isForbidden = error === 'EACCES' || error === 'EPERM';
  const reason = 'unlinked open files are not measured: the server may not inspect their holders';
  return isForbidden ? [{ kind: 'disk', reason }] : [];
};

/** The tasks in its pid namespace. Empty when it has exited. */
export const processesOf = async (first: ProcessMark): Promise<string[]> => {
  const spaceOf = (pid: string): Promise<string | undefined> =>
    readlink(`/proc/${pid}/ns/pid`).catch(ifMissingOrForbidden(undefined));
  const space = await spaceOf(String(first.pid));
  if (space === undefined || !(await isAlive(first))) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const spaces = await Promise.all(pids.map(spaceOf));
  return pids.filter((_, index) => spaces[index] === space);
};

/**
 * Links to the tasks' programs, and folders of links to their other files. Tasks need not share their descriptors, nor
 * outlive the first of them. A program is held even when nothing of it is mapped any more.
 */
const tasksOf = async (first: ProcessMark): Promise<string[]> => {
  const followsMaps = await canFollowMaps();
  const folders: string[] = [];
  for (const pid of await processesOf(first)) {
    const isLeaderGone = (await statOf(Number(pid)))?.state === 'Z';
    const tasks: string[] = await readdir(`/proc/${pid}/task`).catch(ifMissing([]));
    for (const task of tasks) {
      folders.push(`/proc/${task}/fd`);
      if (task !== pid && !isLeaderGone) continue;
      folders.push(`/proc/${task}/exe`);
      if (followsMaps) folders.push(`/proc/${task}/map_files`);
    }
    if (folders.length > 3 * MAX_TASKS)
      throw notMeasured(`process ${first.pid}`, `more than ${MAX_TASKS} tasks`);
  }
  return folders;
};

/** Needs CAP_CHECKPOINT_RESTORE, which an ordinary user lacks. */
const canFollowMaps = async (): Promise<boolean> => {
  const [mapping = ''] = await readdir('/proc/self/map_files').catch(ifMissingOrForbidden(['']));
  return await stat(`/proc/self/map_files/${mapping}`).then(
    () => true,
    () => false,
  );
};

/** A socket in a folder of the disk uses an inode while it exists, named or not. */
const boundSockets = async (pid: number): Promise<number> => {
  const lines = (await readFile(`/proc/${pid}/net/unix`, 'utf8').catch(ifMissing(''))).split('\n');
  return lines.filter((line) => / \/(workspace|home)\//.test(line)).length;
};

/** Files in memory are accounted as memory, not here. */
const devicesOf = async (folder: string, pid: number): Promise<number[]> => {
  const paths = [folder, ...ON_DISK.map((path) => join(`/proc/${pid}/root`, path))];
  const found = await Promise.all(paths.map((path) => stat(path).catch(ifMissing(undefined))));
  return [...new Set(found.flatMap((one) => (one === undefined ? [] : [one.dev])))];
};
