/**
 * Removes what a killed git leaves behind: locks, which block a branch for everyone, and temporary files. Only the
 * server writes to the hub, and its git processes end with it, so whatever is older than every running git process of
 * a repository is stale; without one, that is everything, whatever its timestamp.
 */
import { rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { HostProcesses } from '../../system/host-processes.ts';
import { ifMissing } from '../../system/if-missing.ts';

export interface LeftLocks {
  /** Await before git runs in a repository: cleans once per server process. */
  ready(gitDir: string): Promise<void>;
  /** Removes stale files. Returns their number. */
  clear(gitDir: string): Promise<number>;
}

/** A file's timestamp is that of the kernel's last tick, which may be slightly before the start of its creator. */
const TICK_MS = 20;
/** Repositories remembered as clean. One that is forgotten is cleaned again, which is safe at any time. */
const MAX_REMEMBERED = 1_000;

export const createLeftLocks = ({ oldestIn }: Pick<HostProcesses, 'oldestIn'>): LeftLocks => {
  const looked = new Map<string, Promise<number>>();
  const clear = async (gitDir: string): Promise<number> => {
    let cleared = 0;
    for (const entry of await entriesOf(gitDir)) {
      const found = await stat(entry).catch(ifMissing(false));
      if (found === false) continue;
      const oldest = oldestIn(gitDir);
      // Synchronously with the check, so that no git process can start in between.
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
      // Last in the order of the map: whoever has not been used for longest is forgotten.
      looked.delete(gitDir);
      looked.set(gitDir, first);
      const [oldest] = looked.keys();
      if (looked.size > MAX_REMEMBERED && oldest !== undefined) looked.delete(oldest);
      await first.catch((error: unknown) => {
        looked.delete(gitDir);
        throw error;
      });
    },
  };
};

const entriesOf = async (gitDir: string): Promise<string[]> => {
  const entries = await readdir(gitDir, { recursive: true, withFileTypes: true }).catch(ifMissing([]));
  return entries
    .filter(({ name, parentPath }) => isLeft(name, path.relative(gitDir, parentPath).split(path.sep)[0]))
    .map(({ name, parentPath }) => path.join(parentPath, name));
};

/** No ref ends in `.lock`; the other names are git's temporary object files. */
const isLeft = (name: string, top: string | undefined): boolean =>
  name.endsWith('.lock') ||
  (top === 'objects' && /^(\.?tmp[-_]|incoming-)/.test(name)) ||
  (top === '' && (name === 'packed-refs.new' || name === 'gc.pid'));
