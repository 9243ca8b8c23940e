/**
 * Everything that a command started. A process belongs to it when it is the command or descends from it, is in the
 * command's session or group, or carries the command's marker in its environment. The last finds daemons, which
 * changed session and lost their parent. A daemon that also cleared its environment ends with the machine.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { EXEC_MARKER } from '@berth/contract/guest';

interface Root {
  readonly execId: string;
  /** Absent when the command ended: its pid may have been reused. */
  readonly pid: number | undefined;
}

/** Sends a signal to the command and all its descendants; returns how many there were. */
export const signalTree = (root: Root, signal: NodeJS.Signals): number => {
  if (root.pid !== undefined) send(-root.pid, signal);
  const members = treeOf(root);
  for (const pid of members) send(pid, signal, root.pid);
  return members.length;
};

/** Kills until nothing is left, including processes started meanwhile. */
export const killTree = (root: Root): void => {
  for (let round = 0; round < MAX_KILL_ROUNDS; round++) if (signalTree(root, 'SIGKILL') === 0) return;
};

const MAX_KILL_ROUNDS = 20;

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/** Living members; zombies do not count. */
const treeOf = ({ execId, pid }: Root): number[] => {
  const entries = readdirSync('/proc').flatMap((name) => entryOf(name) ?? []);
  const marker = `${EXEC_MARKER}=${execId}`;
  const members = new Set<number>();
  for (const entry of entries) if (belongs(entry, pid) || isMarked(entry.pid, marker)) members.add(entry.pid);
  for (let grew = true; grew; ) {
    grew = false;
    for (const entry of entries)
      if (!members.has(entry.pid) && members.has(entry.parent)) {
        members.add(entry.pid);
        grew = true;
      }
  }
  members.delete(process.pid);
  return [...members];
};

const belongs = (entry: Entry, pid: number | undefined): boolean =>
  pid !== undefined && (entry.pid === pid || entry.group === pid || entry.session === pid);

/** `/proc/<pid>/stat`: `pid (name) state parent group session …`; the name may contain spaces and parentheses. */
const entryOf = (name: string): Entry | undefined => {
  if (!/^\d+$/.test(name)) return undefined;
  const stat = readProc(`/proc/${name}/stat`);
  const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || state === '' || state === 'Z' || state === 'X') return undefined;
  return { pid: Number(name), parent: Number(parent), group: Number(group), session: Number(session) };
};

const isMarked = (pid: number, marker: string): boolean =>
  readProc(`/proc/${pid}/environ`).split('\0').includes(marker);

/** Empty when the process is gone or belongs to another user. */
const readProc = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

const send = (pid: number, signal: NodeJS.Signals, alreadySentTo?: number): void => {
  if (pid === alreadySentTo) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile, or changed its user; either way there is nothing to do.
    return;
  }
};
