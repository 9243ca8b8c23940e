/** Files of a local sandbox: ordinary files of this machine. */
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { type FileEntry, fail } from '@berth/contract';
import type { Files } from '../../src/sandbox.ts';

const MAX_READ_BYTES = 16 * 2 ** 20;

export const createLocalFiles = (root: string): Files => {
  const at = (path: string): string => resolve(root, path);
  const sizeWithin = async (path: string, maxBytes: number): Promise<number> => {
    const { size } = await found(path, stat(at(path)));
    if (size > maxBytes) throw fail('file.refused', { path, reason: `larger than ${maxBytes} bytes` });
    return size;
  };
  return {
    async read(path, maxBytes = MAX_READ_BYTES) {
      await sizeWithin(path, maxBytes);
      return found(path, readFile(at(path)));
    },
    async open(path, maxBytes) {
      const size = await sizeWithin(path, maxBytes);
      return size === 0 ? Readable.from([]) : createReadStream(at(path), { end: size - 1 });
    },
    async write(path, bytes, mode) {
      const target = at(path);
      const draft = `${target}.draft-${process.pid}`;
      await mkdir(dirname(target), { recursive: true });
      await writeFile(draft, bytes, mode === undefined ? {} : { mode });
      await rename(draft, target);
    },
    async list(path) {
      const names = await found(path, readdir(at(path)));
      return Promise.all(names.sort().map((name) => entryOf(resolve(at(path), name), path)));
    },
    stat: (path) => entryOf(at(path), path),
    async makeFolder(path) {
      await mkdir(at(path), { recursive: true });
    },
    rename: (from, to) => found(from, rename(at(from), at(to))),
    remove: (path) => rm(at(path), { recursive: true, force: true }),
  };
};

const entryOf = async (absolute: string, path: string): Promise<FileEntry> => {
  const facts = await found(path, lstat(absolute));
  return {
    name: basename(absolute),
    kind: kindOf(facts),
    sizeBytes: facts.size,
    mode: facts.mode & 0o777,
    modifiedAt: Math.round(facts.mtimeMs),
  };
};

const kindOf = (facts: Awaited<ReturnType<typeof lstat>>): FileEntry['kind'] => {
  if (facts.isFile()) return 'file';
  if (facts.isDirectory()) return 'folder';
  return facts.isSymbolicLink() ? 'link' : 'other';
};

const found = async <T>(path: string, work: Promise<T>): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    // Errors of the file system carry a code.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw fail('file.missing', { path }, { cause: error });
    throw error;
  }
};
