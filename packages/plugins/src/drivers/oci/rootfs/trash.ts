/**
 * What is being deleted. A folder is moved in here first, so that it is gone at once for everybody else; what is in it
 * follows, few at a time, and nobody waits long for a tree that takes long. What cannot be deleted is moved aside and
 * told, and keeps nothing else from going on.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost } from '@berth/plugin-api';
import { createConcurrencyLimit } from '../../../linux/concurrency-limit.ts';
import { removeTree } from '../../../linux/system-program.ts';
import { type Folders, makeThrough } from '../folders.ts';
import { choreContainer } from '../runtime/chore.ts';
import type { End } from '../runtime/container.ts';

export interface Trash {
  /** Moves a folder away and deletes it, whoever owns what is in it. Succeeds when there is none. */
  discard(path: string): Promise<void>;
  /** Moves what cannot be used out of the way, for a person to look at. Succeeds when it is not there. */
  setAside(path: string, reason: unknown): Promise<void>;
  /** Finishes what an earlier server was deleting, copying or unpacking when it died. */
  sweep(
    end: (container: Pick<End, 'containerId' | 'folder' | 'marks' | 'search'>) => Promise<void>,
  ): Promise<void>;
  /** For an operator: what lies aside; empty when there is nothing. */
  notes(): Promise<readonly string[]>;
}

export interface TrashOptions {
  readonly folders: Folders;
  readonly installation: string;
  /** As in `Identity`. */
  readonly asOwner: readonly string[];
  readonly log: DriverHost['log'];
}

const MAX_DELETIONS = 2;
/** Longer than any tree takes that was not made to take long. */
const PATIENCE_MS = 10_000;

export const createTrash = ({ folders, installation, asOwner, log }: TrashOptions): Trash => {
  const inTurn = createConcurrencyLimit(MAX_DELETIONS);
  const setAside = async (path: string, reason: unknown): Promise<void> => {
    const place = join(await makeThrough(folders.quarantine), randomUUID());
    const moved = await rename(path, place).then(() => true, isMissing);
    if (moved)
      log('error', 'something could not be used or deleted and lies aside', {
        path,
        place,
        reason: String(reason),
      });
  };
  /**
   * Resolves when it is deleted, or lies aside, or takes too long to wait for. An ordinary user may not enter what the
   * kernel made for an overlay, or what a sandbox forbade; root of its ids may.
   */
  const remove = (path: string): Promise<void> => {
    const removed = inTurn(() => removeTree(path, asOwner))
      .catch((error: unknown) => setAside(path, error))
      .catch((error: unknown) => {
        log('error', 'something can neither be deleted nor moved', { path, error: String(error) });
      });
    return withPatience(removed);
  };
  return {
    discard: async (path) => {
      const doomed = join(await makeThrough(folders.trash), `gone-${randomUUID()}`);
      if (await rename(path, doomed).then(() => true, isMissing)) await remove(doomed);
    },
    setAside,
    sweep: async (end) => {
      const names = await readdir(folders.trash).catch(() => []);
      await Promise.all(
        names.map(async (name) => {
          const folder = join(folders.trash, name);
          const containerId = choreContainer(installation, name);
          try {
            if (containerId !== undefined) await end({ containerId, folder, marks: [], search: true });
            await remove(folder);
          } catch (error) {
            log('error', 'something of an earlier server could not be ended', {
              folder,
              error: String(error),
            });
          }
        }),
      );
    },
    notes: async () => {
      const { length } = await readdir(folders.quarantine).catch(() => []);
      if (length === 0) return [];
      return [`${length} that could not be used or deleted: ${folders.quarantine}; look and delete`];
    },
  };
};

const withPatience = async (work: Promise<void>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, PATIENCE_MS);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
};

const isMissing = (error: NodeJS.ErrnoException): false => {
  if (error.code === 'ENOENT') return false;
  throw error;
};
