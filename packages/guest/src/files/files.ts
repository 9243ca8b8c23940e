/** File work, on paths that were resolved before. */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, opendir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileEntry } from '@berth/contract';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { refused } from './paths.ts';

/** Only regular files: a pipe or a device could block or never end. */
export const readFile = async (path: string, maxBytes: number): Promise<Buffer> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw refused(path, 'it is a folder');
    if (!stat.isFile()) throw refused(path, 'it is not a regular file');
    const chunks: Buffer[] = [];
    let size = 0;
    // Read to the end rather than to the stated size: files of /proc state none, and a file may grow.
    for (;;) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(READ_BYTES) });
      if (bytesRead === 0) return Buffer.concat(chunks);
      size += bytesRead;
      if (size > maxBytes) throw refused(path, `larger than ${maxBytes} bytes`);
      chunks.push(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
};

const READ_BYTES = 256 * 1024;

/** Writes beside the target and renames, so that nobody ever sees half of it. */
export const writeFile = async (
  path: string,
  chunks: AsyncIterable<Buffer>,
  mode?: number,
): Promise<number> => {
  await mkdir(dirname(path), { recursive: true });
  const kept = mode ?? (await modeOf(path)) ?? 0o644;
  const temporary = join(dirname(path), `.berth-${process.pid}-${serial++}`);
  let size = 0;
  try {
    const file = await open(temporary, 'wx', kept);
    try {
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > GUEST_LIMITS.fileBytes) throw refused(path, `larger than ${GUEST_LIMITS.fileBytes} bytes`);
        await file.appendFile(chunk);
      }
    } finally {
      await file.close();
    }
    await chmod(temporary, kept);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return size;
};

let serial = 0;

/** The mode of the file that is about to be replaced, or undefined. */
const modeOf = async (path: string): Promise<number | undefined> => {
  // What cannot be looked at has no mode to keep; if it cannot be replaced either, the replacing says why.
  const stat = await lstat(path).catch(() => undefined);
  return stat?.isFile() === true ? stat.mode & 0o777 : undefined;
};

export const listFolder = async (path: string): Promise<FileEntry[]> => {
  const entries: FileEntry[] = [];
  for await (const { name } of await opendir(path)) {
    if (entries.length >= GUEST_LIMITS.folderEntries)
      throw refused(path, `more than ${GUEST_LIMITS.folderEntries} entries`);
    const entry = await statEntry(join(path, name)).catch(unlessMissing);
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
};

/** What vanishes while its folder is read is left out; a folder that shows its names alone is told of as such. */
const unlessMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
};

/** Of a link, the link itself. */
export const statEntry = async (path: string): Promise<FileEntry> => {
  const stat = await lstat(path);
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'other',
    sizeBytes: stat.size,
    mode: stat.mode & 0o7777,
    modifiedAt: stat.mtimeMs,
  };
};

export const makeFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true });
};

export const renameEntry = async (from: string, to: string): Promise<void> => {
  await lstat(from);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
};

export const removeEntry = (path: string): Promise<void> => rm(path, { recursive: true, force: true });
