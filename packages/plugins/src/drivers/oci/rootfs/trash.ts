/**
 * Deferred deletion. A folder is moved in here first, so that it is gone immediately for everyone else; its contents
 * are deleted a few folders at a time, and nobody waits long for a huge tree. What cannot be deleted is moved aside
 * and reported, and blocks nothing else.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost } from '@berth/plugin-api';
import { createConcurrencyLimit } from '../../../linux/concurrency-limit.ts';
import { ifMissing } from '../../../linux/missing.ts';
import { removeTree } from '../../../linux/system-program.ts';
import { type Folders, makeThrough } from '../folders.ts';
import type { End } from '../runtime/container.ts';
import { scriptContainer } from '../runtime/isolated-script.ts';

export interface Trash {
  /** Moves a folder away and deletes it, whoever owns its contents. Succeeds when it does not exist. */
  discard(path: string): Promise<void>;
  /** Moves an unusable folder aside, for the operator to inspect. Succeeds when it does not exist. */
  setAside(path: string, reason: unknown): Promise<void>;
  /** Finishes what an earlier server was deleting, copying or unpacking when it crashed. */
  sweep(
    end: (container: Pick<End, 'containerId' | 'folder' | 'marks' | 'search'>) => Promise<void>,
  ): Promise<void>;
  /** For the operator: what was moved aside; empty when there is nothing. */
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
/** Longer than any non-malicious tree takes. */
const PATIENCE_MS = 10_000;

export const createTrash = ({ folders, installation, asOwner, log }: TrashOptions): Trash => {
  const inTurn = createConcurrencyLimit(MAX_DELETIONS);
  const setAside = async (path: string, reason: unknown): Promise<void> => {
    const place = join(await makeThrough(folders.quarantine), randomUUID());
    const moved = await rename(path, place).then(() => true, ifMissing(false));
    if (moved)
      log('error', 'something could not be used or deleted and was moved aside', {
        path,
        place,
        reason: String(reason),
      });
  };
  /**
   * Resolves when it is deleted, moved aside, or takes too long. An ordinary user may not enter what the kernel
   * created for an overlay, or what a sandbox made inaccessible; root of its user namespace may.
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
      if (await rename(path, doomed).then(() => true, ifMissing(false))) await remove(doomed);
    },
    setAside,
    sweep: async (end) => {
      const names: string[] = await readdir(folders.trash).catch(ifMissing([]));
      await Promise.all(
        names.map(async (name) => {
          const folder = join(folders.trash, name);
          const containerId = scriptContainer(installation, name);
          try {
            if (containerId !== undefined) await end({ containerId, folder, marks: [], search: true });
            await remove(folder);
          } catch (error) {
            log('error', 'something left by an earlier server could not be killed', {
              folder,
              error: String(error),
            });
          }
        }),
      );
    },
    notes: async () => {
      const { length } = await readdir(folders.quarantine).catch(ifMissing([]));
      if (length === 0) return [];
      return [`${length} that could not be used or deleted: ${folders.quarantine}; inspect and delete`];
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
