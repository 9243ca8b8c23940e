/**
 * What git leaves when it is ended in the middle: locks, which then block a branch for everybody, and files that were
 * not finished. The server alone writes in the hub, and its git ends with it, so whatever is older than every git that
 * works in a repository now belongs to nobody; where none works, that is everything, whatever time it bears.
 */
import { rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HostProcesses } from '../../system/host-processes.ts';
import { isMissing } from './repository-folder.ts';

export interface LeftLocks {
  /** To be awaited before git works in a repository: looks once in the life of the server. */
  ready(gitDir: string): Promise<void>;
  /** Removes what belongs to nobody. Returns how many there were. */
  clear(gitDir: string): Promise<number>;
}

/** A file's time is that of the kernel's last tick, which may be a little before the start of who made it. */
const TICK_MS = 20;

export const createLeftLocks = ({ oldestIn }: Pick<HostProcesses, 'oldestIn'>): LeftLocks => {
  const looked = new Map<string, Promise<number>>();
  const clear = async (gitDir: string): Promise<number> => {
    let cleared = 0;
    for (const entry of await entriesOf(gitDir)) {
      const found = await stat(entry).catch(isMissing);
      if (found === false) continue;
      const oldest = oldestIn(gitDir);
      // In one go with the question, so that no git can have begun in between.
      if (oldest === undefined) rmSync(entry, { recursive: true, force: true });
      else if (found.mtimeMs < oldest - TICK_MS) await rm(entry, { recursive: true, force: true });
      else continue;
      cleared += 1;
    }
    return cleared;
  };
  return {
    clear,
    ready: async (gitDir) => {
      const first = looked.get(gitDir) ?? clear(gitDir);
      looked.set(gitDir, first);
      await first.catch((error: unknown) => {
        looked.delete(gitDir);
        throw error;
      });
    },
  };
};

const entriesOf = async (gitDir: string): Promise<string[]> => {
  const entries = (await readdir(gitDir, { recursive: true, withFileTypes: true }).catch(isMissing)) || [];
  return entries
    .filter(({ name, parentPath }) => isLeft(name, path.relative(gitDir, parentPath).split(path.sep)[0]))
    .map(({ name, parentPath }) => path.join(parentPath, name));
};

/** No ref ends in `.lock`; the other names are those of git for objects that it is about to have. */
const isLeft = (name: string, top: string | undefined): boolean =>
  name.endsWith('.lock') ||
  (top === 'objects' && /^(\.?tmp[-_]|incoming-)/.test(name)) ||
  (top === '' && (name === 'packed-refs.new' || name === 'gc.pid'));
