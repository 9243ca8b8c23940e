import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists } from './if-missing.ts';

/**
 * Creates a folder at a path that a user named, with its parents, closed to others. Level by level: Node's recursive
 * `mkdir` never ends where a file system has the parent and creates no folders (procfs).
 */
export const makeFolder = async (path: string): Promise<void> => {
  if (await exists(path)) return;
  await makeFolder(dirname(path));
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // Somebody else created it meanwhile.
    if (error.code !== 'EEXIST') throw error;
  });
};
