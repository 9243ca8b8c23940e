/**
 * One server per home, enforced by the kernel for as long as the server lives: by locks on the folder itself and on
 * the database file, whatever is removed from the folder or moved into another one. The file `lock` next to them only
 * says who holds the lock: other programs find the process through it, and refusals name it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { lockDescriptor } from '../system/kernel-lock.ts';

export interface FolderLock {
  /**
   * The database file, once it exists, locked and open until release. Its bytes are read only through this
   * descriptor: closing another one would release SQLite's locks on the file in this process.
   */
  database(): number;
  release(): void;
}

/** Throws `store.locked`, naming the process that holds the folder if it is visible. */
export const lockFolder = (folder: string, databaseFile: string): FolderLock => {
  const nameFile = join(folder, 'lock');
  const held: number[] = [];
  const hold = (path: string, flags: number): number => {
    const descriptor = openSync(path, flags);
    held.push(descriptor);
    if (!lockDescriptor(descriptor, path))
      throw fail('store.locked', { path: folder, pid: livingHolder(nameFile) });
    assertUnmoved(path, descriptor);
    return descriptor;
  };
  const closeAll = (): void => {
    for (const descriptor of held.splice(0).reverse()) closeSync(descriptor);
  };
  try {
    hold(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    const holdDatabase = () => hold(databaseFile, constants.O_RDWR);
    let database =
      statSync(databaseFile, { throwIfNoEntry: false }) === undefined ? undefined : holdDatabase();
    const draft = `${nameFile}.new`;
    const mine = { pid: process.pid, startedAt: statOf(process.pid).startedAt };
    writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 });
    renameSync(draft, nameFile);
    return {
      database: () => {
        database ??= holdDatabase();
        assertUnmoved(databaseFile, database);
        return database;
      },
      release: () => {
        rmSync(nameFile, { force: true });
        closeAll();
      },
    };
  } catch (error) {
    closeAll();
    throw error;
  }
};

const assertUnmoved = (path: string, descriptor: number): void => {
  const [ours, there] = [fstatSync(descriptor), statSync(path)];
  if (ours.dev !== there.dev || ours.ino !== there.ino)
    throw fail('store.unavailable', { reason: `${path} was replaced while it was opened` });
};

/** Null if the file names no process, or one that is not that process here: it ended, or is in another namespace. */
const livingHolder = (nameFile: string): number | null => {
  const { pid, startedAt } = parse(textOf(nameFile));
  return pid !== undefined && startedAt !== undefined && statOf(pid).startedAt === startedAt ? pid : null;
};

/** When a process started: the boot id and the ticks since. Process ids are reused. */
const statOf = (pid: number): { readonly startedAt?: string } => {
  const stat = textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return {};
  // Field 22, counted after the command name, which may contain anything between its parentheses.
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return { startedAt: `${textOf('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}:${ticks}` };
};

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return undefined;
    throw error;
  }
};

const parse = (text = ''): { readonly pid?: number; readonly startedAt?: string } => {
  try {
    const { pid, startedAt } = JSON.parse(text);
    return Number.isSafeInteger(pid) && typeof startedAt === 'string' ? { pid, startedAt } : {};
  } catch {
    // Not written by a server: it names nobody.
    return {};
  }
};
