/**
 * Finds and kills processes of this host without confusing a reused pid with an old process.
 *
 * Reading /proc is not a snapshot. A process in execve shows neither arguments nor environment while it waits for a
 * CPU, and one that forks and exits may do both between the listing and its turn. So one that shows nothing is read
 * again, and only several empty scans in a row count.
 */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifMissing, ifMissingOrForbidden } from './missing.ts';

export interface ProcessMark {
  readonly pid: number;
  /** In clock ticks since boot: with the pid it identifies a process uniquely. */
  readonly startTicks: number;
}

const GONE_DEADLINE_MS = 10_000;
const MAX_ROUNDS = 20;
/** A runtime forks at most two generations that exit by themselves before the final one. */
export const CLEAN_LOOKS = 3;
const EXEC_LOOKS = 40;
const EXEC_PAUSE_MS = 3;
/** From <linux/sched.h>: a kernel thread, which has no arguments at all. */
const PF_KTHREAD = 0x0020_0000;

/** Undefined when it has exited, zombies included. */
export const markOf = async (pid: number): Promise<ProcessMark | undefined> => {
  const fields = await statOf(pid);
  return fields === undefined || fields.state === 'Z' || fields.state === 'X'
    ? undefined
    : { pid, startTicks: fields.startTicks };
};

export const isAlive = async (mark: ProcessMark): Promise<boolean> =>
  (await markOf(mark.pid))?.startTicks === mark.startTicks;

/** Sends SIGKILL; an exited process is not an error. False: it belongs to another user and stays. */
export const kill = (pid: number): boolean => {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM') return false;
    if (code === 'ESRCH') return true;
    throw error;
  }
};

/** Resolves to false when some are left at the deadline. */
export const gone = async (
  marks: readonly ProcessMark[],
  deadlineMs: number = GONE_DEADLINE_MS,
): Promise<boolean> => {
  const end = performance.now() + deadlineMs;
  for (const mark of marks) {
    for (let pauseMs = 1; await isAlive(mark); pauseMs = Math.min(pauseMs * 2, 50)) {
      if (performance.now() > end) return false;
      await sleep(pauseMs);
    }
  }
  return true;
};

/**
 * Kills every process that `processesNaming` finds; repeatedly, since one may fork meanwhile. Returns those that are
 * left: another user's, which are not waited for, or forked faster than they die.
 */
export const endNaming = async (text: string): Promise<readonly ProcessMark[]> => {
  let left: readonly ProcessMark[] = [];
  for (let round = 0, clean = 0; round < MAX_ROUNDS; round += 1) {
    const found = await processesNaming(text);
    const ours = found.filter(({ pid }) => kill(pid));
    left = found;
    clean = ours.length === 0 ? clean + 1 : 0;
    if (clean === CLEAN_LOOKS) break;
    await gone(ours);
  }
  return left;
};

/**
 * Every process whose arguments or environment contain `text`, with all its descendants; never this process. The text
 * must be unique.
 */
export const processesNaming = async (text: string): Promise<ProcessMark[]> => {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  const named = new Set<number>();
  await Promise.all(
    numbers.map(async (pid) => {
      const fields = await statOf(pid);
      if (fields === undefined || pid === process.pid) return;
      parents.set(pid, fields.parent);
      if (hasProgram(fields) && (await names(pid, text))) named.add(pid);
    }),
  );
  const belongs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined; at = parents.get(at))
      if (named.has(at)) return true;
    return false;
  };
  const marks = await Promise.all([...parents.keys()].filter(belongs).map(markOf));
  return marks.filter((mark) => mark !== undefined);
};

const hasProgram = ({ state, flags }: ProcessStat): boolean =>
  state !== 'Z' && state !== 'X' && (flags & PF_KTHREAD) === 0;

const names = async (pid: number, text: string): Promise<boolean> => {
  for (let look = 0; look < EXEC_LOOKS; look += 1) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(ifMissingOrForbidden(undefined));
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(ifMissingOrForbidden(undefined));
    if (environment?.includes(text) === true || command?.includes(text) === true) return true;
    if (command !== '' && environment !== '') return false;
    await sleep(EXEC_PAUSE_MS);
  }
  return false;
};

export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly flags: number;
  readonly startTicks: number;
}

/** Undefined when the process does not exist; rejects when that cannot be found out. */
export const statOf = async (pid: number): Promise<ProcessStat | undefined> => {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(ifMissing(undefined));
  if (text === undefined) return undefined;
  // The second field is the name in parentheses, which may itself contain parentheses and blanks.
  const [state = '', parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state, parent: Number(parent), flags: Number(rest[4]), startTicks: Number(rest[17]) };
};
