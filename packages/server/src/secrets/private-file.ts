/** Files that hold a secret: read and written so that nobody else can read or replace them. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { fail } from '@berth/contract';

const MAX_SECRET_FILE_BYTES = 4096;

/**
 * The text of a secret file; undefined if it does not exist. Rejects with `config.invalid` if it is a link, belongs
 * to another user, can be read by others, or is larger than any of our secrets.
 */
export const readPrivateFile = async (path: string): Promise<string | undefined> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw refused(path, hasCode(error, 'ELOOP') ? 'it is a symbolic link' : 'it cannot be opened', error);
  });
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw refused(path, 'it is not a file');
    if ((stat.mode & 0o077) !== 0) throw refused(path, 'others can read it; run chmod 600 on it');
    if (process.getuid !== undefined && stat.uid !== process.getuid()) {
      throw refused(path, 'it belongs to another user');
    }
    if (stat.size > MAX_SECRET_FILE_BYTES) throw refused(path, 'it is too large');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
};

/** Creates a file of mode 0600, atomically. False if one exists already; that one is left alone. */
export const createPrivateFile = async (path: string, text: string): Promise<boolean> => {
  // Every start but the first finds it; a draft that is then discarded would still have to be synced to disk.
  if (await isTaken(path)) return false;
  const draft = await writeDraft(path, text);
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

const isTaken = async (path: string): Promise<boolean> => {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    return false;
  }
};

/** Replaces the file atomically: a reader sees the old text or the new one. */
export const replacePrivateFile = async (path: string, text: string): Promise<void> => {
  await rename(await writeDraft(path, text), path);
};

const writeDraft = async (path: string, text: string): Promise<string> => {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return draft;
};

const refused = (path: string, reason: string, cause?: unknown) =>
  fail(
    'config.invalid',
    { issues: [{ path, message: `this secret file is refused: ${reason}` }] },
    { cause },
  );

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
