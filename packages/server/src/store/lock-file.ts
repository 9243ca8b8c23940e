/**
 * One server per home folder. The lock is a file that names the process: its id, and when it started, because an id
 * is given again to another program. A lock whose process is gone, or is another program now, is taken over.
 *
 * Looking and taking must be one step among rivals. They hold a lock of the system meanwhile, which SQLite takes for
 * us on a file of its own and which ends with the process; the section is synchronous, so rivals within one process
 * cannot interleave either.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import Database from 'better-sqlite3';
import { translateSqliteError } from './sqlite-connection.ts';

export interface FolderLock {
  release(): void;
}

interface Holder {
  readonly pid: number;
  /** Boot id and start time in clock ticks since boot; absent where the system does not tell (no /proc). */
  readonly startedAt?: string | undefined;
}

/** Throws `store.locked`, naming the process that holds the folder. */
export const lockFolder = (folder: string): FolderLock => {
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: statOf(process.pid).startedAt });
  alone(folder, () => {
    const holder = parse(textOf(path));
    if (holder !== undefined && isAlive(holder))
      throw fail('store.locked', { path: folder, pid: holder.pid });
    const draft = `${path}.new`;
    writeFileSync(draft, mine, { mode: 0o600 });
    renameSync(draft, path);
  });
  return {
    release: () => {
      if (textOf(path) === mine) rmSync(path, { force: true });
    },
  };
};

const alone = (folder: string, act: () => void): void => {
  const file = join(folder, 'lock.guard');
  let guard: Database.Database | undefined;
  try {
    guard = new Database(file, { timeout: 5000 });
    guard.exec('begin exclusive');
    act();
  } catch (error) {
    throw translateSqliteError(error, file);
  } finally {
    guard?.close();
  }
};

const isAlive = (holder: Holder): boolean => {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    if (!hasCode(error, 'EPERM')) throw error;
  }
  const { state, startedAt } = statOf(holder.pid);
  // A process that was killed stays listed until its parent has asked how it ended: a zombie holds nothing.
  if (state === 'Z' || state === 'X') return false;
  return startedAt === undefined || holder.startedAt === undefined || startedAt === holder.startedAt;
};

/** Fields 3 and 22 of /proc/<pid>/stat, counted after the command's name, which may hold anything in its brackets. */
const statOf = (pid: number): { readonly state?: string | undefined; readonly startedAt?: string } => {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return {};
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const boot = textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return { state: fields[0], startedAt: `${boot}:${fields[19]}` };
};

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
};

const parse = (text: string | undefined): Holder | undefined => {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const pid = typeof value === 'object' && value !== null && 'pid' in value ? value.pid : undefined;
    return Number.isInteger(pid) && Number(pid) > 0 ? (value as Holder) : undefined;
  } catch {
    // A file that no server of ours wrote names nobody: stale.
    return undefined;
  }
};

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
