/**
 * One server per home folder. The lock is a file that names the process: its id, and when it started, because an id
 * is given again to another program. A lock whose process is gone, or is another program now, is taken over.
 */
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';

export interface FolderLock {
  release(): Promise<void>;
}

interface Holder {
  readonly pid: number;
  /** Boot id and start time in clock ticks since boot; absent where the system does not tell (no /proc). */
  readonly startedAt?: string | undefined;
}

/** A few rounds are enough: each one ends with a live holder, with the lock, or after somebody else's move. */
const MAX_ROUNDS = 20;

/** Rejects with `store.locked`, naming the process that holds the folder. */
export const lockFolder = async (folder: string): Promise<FolderLock> => {
  const path = join(folder, 'lock');
  const mine = JSON.stringify({ pid: process.pid, startedAt: await startOf(process.pid) });
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    if (await claim(path, mine)) return { release: () => release(path, mine) };
    const held = await textOf(path);
    if (held === undefined) continue;
    const holder = parse(held);
    if (holder !== undefined && (await isAlive(holder))) {
      throw fail('store.locked', { path: folder, pid: holder.pid });
    }
    await takeAway(path, held);
  }
  throw fail('store.locked', { path: folder, pid: null });
};

/** Makes the file with its whole content in one step, or says that there is one already. */
const claim = async (path: string, content: string): Promise<boolean> => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
};

/** Removes the stale file, unless another server has replaced it since it was read. */
const takeAway = async (path: string, stale: string): Promise<void> => {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if ((await textOf(aside)) !== stale) await link(aside, path);
  await rm(aside, { force: true });
};

const release = async (path: string, mine: string): Promise<void> => {
  if ((await textOf(path)) === mine) await rm(path, { force: true });
};

const isAlive = async (holder: Holder): Promise<boolean> => {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    if (!hasCode(error, 'EPERM')) throw error;
  }
  const startedAt = await startOf(holder.pid);
  return startedAt === undefined || holder.startedAt === undefined || startedAt === holder.startedAt;
};

/** Field 22 of /proc/<pid>/stat, counted after the command's name, which may hold anything in its brackets. */
const startOf = async (pid: number): Promise<string | undefined> => {
  const stat = await textOf(`/proc/${pid}/stat`);
  const boot = await textOf('/proc/sys/kernel/random/boot_id');
  const ticks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return ticks === undefined ? undefined : `${boot?.trim() ?? ''}:${ticks}`;
};

const textOf = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
};

const parse = (text: string): Holder | undefined => {
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
