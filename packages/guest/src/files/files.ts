/**
 * File operations on resolved paths, with the rights of commands: every path is opened in one synchronous call as
 * their user, and reads and writes use that descriptor.
 */
import {
  chmodSync,
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import type { FileEntry } from '@berth/contract';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { systemCode } from '../refusal.ts';
import type { CommandUser } from '../user.ts';
import { refused } from './paths.ts';

/**
 * Only regular files: a pipe or a device could block or never end. Reads follow the reader's pace, so a slow reader
 * costs no memory.
 */
export const openFile = (path: string, maxBytes: number, user: CommandUser): AsyncGenerator<Buffer> => {
  const fd = user.as(() => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw refused(path, 'it is a folder');
    if (!stat.isFile()) throw refused(path, 'it is not a regular file');
    if (stat.size > maxBytes) throw refused(path, `larger than ${maxBytes} bytes`);
    // A file that grows meanwhile is read up to its initial size. Files of /proc report no size.
    const end = stat.size === 0 ? {} : { end: stat.size - 1 };
    const file = createReadStream('', { fd, highWaterMark: READ_BYTES, ...end });
    return piecesOf(file, () => refused(path, `larger than ${maxBytes} bytes`), maxBytes);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
};

async function* piecesOf(
  file: AsyncIterable<Buffer>,
  tooLarge: () => Error,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of file) {
    size += piece.length;
    if (size > maxBytes) throw tooLarge();
    yield piece;
  }
}

const READ_BYTES = 256 * 1024;

interface NewFile {
  readonly chunks: AsyncIterable<Buffer>;
  /** Default: that of the replaced file, or 0644. */
  readonly mode: number | undefined;
}

/** Writes to a temporary file and renames it, so that nobody sees a partial file. */
export const writeFile = async (
  path: string,
  { chunks, mode }: NewFile,
  user: CommandUser,
): Promise<number> => {
  const temporary = join(dirname(path), `.berth-${process.pid}-${serial++}`);
  const { fd, kept } = user.as(() => {
    mkdirSync(dirname(path), { recursive: true });
    const wanted = mode ?? modeOf(path) ?? 0o644;
    return { fd: openSync(temporary, 'wx', wanted), kept: wanted };
  });
  let size = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > GUEST_LIMITS.fileBytes) throw refused(path, `larger than ${GUEST_LIMITS.fileBytes} bytes`);
      yield chunk;
    }
  };
  try {
    await pipeline(counted, createWriteStream('', { fd }));
    user.as(() => {
      chmodSync(temporary, kept);
      renameSync(temporary, path);
    });
  } catch (error) {
    user.as(() => rmSync(temporary, { force: true }));
    throw error;
  }
  return size;
};

let serial = 0;

/** The mode of the file to be replaced, or undefined. */
const modeOf = (path: string): number | undefined => {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat.mode & 0o777 : undefined;
};

export const listFolder = (path: string): FileEntry[] => {
  const entries: FileEntry[] = [];
  using folder = opendirSync(path);
  for (let found = folder.readSync(); found !== null; found = folder.readSync()) {
    if (entries.length >= GUEST_LIMITS.folderEntries)
      throw refused(path, `more than ${GUEST_LIMITS.folderEntries} entries`);
    const entry = unlessMissing(() => statEntry(join(path, found?.name ?? '')));
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
};

/**
 * Entries that vanish during the read are left out; a folder that allows listing only yields names without details.
 */
const unlessMissing = <T>(act: () => T): T | undefined => {
  try {
    return act();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
};

/** For a link, the link itself. */
export const statEntry = (path: string): FileEntry => {
  const stat = lstatSync(path);
  return {
    name: path.slice(path.lastIndexOf('/') + 1),
    kind: stat.isFile() ? 'file' : stat.isDirectory() ? 'folder' : stat.isSymbolicLink() ? 'link' : 'other',
    sizeBytes: stat.size,
    mode: stat.mode & 0o7777,
    modifiedAt: stat.mtimeMs,
  };
};

export const makeFolder = (path: string): void => {
  mkdirSync(path, { recursive: true });
};

export const renameEntry = (from: string, to: string): void => {
  lstatSync(from);
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
};

/** In small steps, so that a tree of any size blocks nothing, and only while the caller still `wants` it. */
export const removeEntry = async (path: string, wants: () => boolean, user: CommandUser): Promise<void> => {
  const left = [path];
  while (left.length > 0 && wants()) {
    user.as(() => {
      const end = performance.now() + SLICE_MS;
      while (left.length > 0 && performance.now() < end) removeLast(left);
    });
    await setImmediate();
  }
};

const SLICE_MS = 10;
/** Batch size per folder. */
const NAMES = 1000;

/** Removes the last path, or pushes some of its entries. */
const removeLast = (left: string[]): void => {
  const path = left.at(-1) ?? '';
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory() !== true) {
    if (stat !== undefined) unlessMissing(() => unlinkSync(path));
    left.pop();
    return;
  }
  const names = firstNames(path);
  if (names.length > 0) left.push(...names.map((name) => join(path, name)));
  else if (isRemoved(path)) left.pop();
};

/** False when something was added to it meanwhile. */
const isRemoved = (path: string): boolean => {
  try {
    unlessMissing(() => rmdirSync(path));
    return true;
  } catch (error) {
    if (systemCode(error) !== 'ENOTEMPTY') throw error;
    return false;
  }
};

const firstNames = (path: string): string[] => {
  const names: string[] = [];
  using folder = opendirSync(path);
  for (let found = folder.readSync(); found !== null && names.length < NAMES; found = folder.readSync())
    names.push(found.name);
  return names;
};
