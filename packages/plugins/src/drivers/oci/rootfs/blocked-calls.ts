/**
 * Files that only a system call in progress holds: `sendfile` into a full pipe, or a wait for a lock, keeps its file
 * when another thread has closed the descriptor, or put another file in its place. procfs shows the call, but not what
 * it holds. So tasks blocked in calls that may hold files are made to leave them (by freezing the sandbox for a
 * moment), after which descriptors, mappings and programs are all that can hold files.
 */
import { readdir, readFile } from 'node:fs/promises';
import { arch } from 'node:process';
import { ifMissing, ifMissingOrForbidden } from '../../../linux/missing.ts';
import type { ProcessMark } from '../../../linux/processes.ts';
import { processesOf } from './nameless.ts';

/**
 * Calls in which tasks usually wait, and which hold no file of a disk: numbers on x64, and on arm64 and riscv64. Any
 * other is suspected, `sendmsg` for instance, which holds the descriptors that it has not sent yet.
 */
const WAITS: Readonly<Record<string, readonly [number, number]>> = {
  accept: [43, 202],
  accept4: [288, 242],
  clock_nanosleep: [230, 115],
  connect: [42, 203],
  epoll_pwait: [281, 22],
  epoll_pwait2: [441, 441],
  futex: [202, 98],
  futex_wait: [455, 455],
  futex_waitv: [449, 449],
  nanosleep: [35, 101],
  ppoll: [271, 73],
  pselect6: [270, 72],
  read: [0, 63],
  readv: [19, 65],
  recvfrom: [45, 207],
  recvmsg: [47, 212],
  restart_syscall: [219, 128],
  rt_sigsuspend: [130, 133],
  rt_sigtimedwait: [128, 137],
  sendto: [44, 206],
  wait4: [61, 260],
  waitid: [247, 95],
  write: [1, 64],
  writev: [20, 66],
};
/** `epoll_wait`, `pause`, `poll`, `select`. */
const WAITS_OF_X64 = [232, 34, 7, 23];

const HARMLESS = new Set([
  ...Object.values(WAITS).map(([x64, others]) => (arch === 'x64' ? x64 : others)),
  ...(arch === 'x64' ? WAITS_OF_X64 : []),
  // A task that is blocked outside of system calls, by a page fault for instance.
  -1,
]);

/** Whether one of its tasks is blocked in a call that may hold a file. One that runs is about to leave its call. */
export const isBlockedWithFiles = async (first: ProcessMark): Promise<boolean> => {
  for (const pid of await processesOf(first)) {
    const tasks: string[] = await readdir(`/proc/${pid}/task`).catch(ifMissing([]));
    const calls = await Promise.all(tasks.map(callOf));
    if (calls.some((call) => call !== 'running' && !HARMLESS.has(Number(call)))) return true;
  }
  return false;
};

/** Its number; `forbidden` where the server may not know. */
const callOf = async (task: string): Promise<string> => {
  const read = readFile(`/proc/${task}/syscall`, 'utf8').catch(ifMissing('running'));
  const [call = ''] = (await read.catch(ifMissingOrForbidden('forbidden'))).trim().split(' ');
  return call;
};
