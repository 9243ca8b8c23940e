/**
 * Unpacked images: content-addressed by archive, shared by the sandboxes that start from them, and removed after a
 * period without use.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fail } from '@berth/contract';
import { createKeyedLock } from '@berth/plugin-api';
import { z } from 'zod';
import { exists, ifMissing } from '../../../linux/missing.ts';
import { makeThrough } from '../folders.ts';
import type { Prerequisites } from '../prerequisites.ts';
import { rawOf } from './blobs.ts';
import { ImageRefusal } from './documents.ts';
import { unpack } from './unpack.ts';

export interface Image extends Disposable {
  readonly rootfs: string;
  /** The image's PATH; absent when it declares none. */
  readonly path: string | undefined;
}

export interface Images {
  /**
   * The image of an archive, unpacked when needed, and pinned until disposed; after that its sandboxes keep it.
   * Rejects with `image.unusable`.
   */
  hold(archive: string): Promise<Image>;
  /** Removes images that no sandbox uses and none has requested lately. */
  prune(): Promise<void>;
}

export interface ImagesWorld extends Pick<Prerequisites, 'folders' | 'discard' | 'setAside' | 'ready'> {
  readonly unusedKeptMs: number;
}

const ROOTFS = 'rootfs';
const ABOUT_FILE = 'image.json';
const About = z.object({ path: z.string().optional() });

export const createImages = (world: ImagesWorld): Images => {
  const { folders } = world;
  const alone = createKeyedLock();
  const hashOf = createHashes();
  const held = new Map<string, number>();
  const count = (hash: string, by: number): void => {
    held.set(hash, (held.get(hash) ?? 0) + by);
    if (held.get(hash) === 0) held.delete(hash);
  };
  const take = async (hash: string, file: FileHandle): Promise<Image> => {
    const place = join(folders.images, hash);
    if ((await readAbout(place, world)) === undefined) await fill(place, file, world);
    const now = new Date();
    await utimes(place, now, now);
    const { path } = await aboutOf(place);
    count(hash, 1);
    return { rootfs: join(place, ROOTFS), path, [Symbol.dispose]: () => count(hash, -1) };
  };
  const removeUnused = async (hash: string): Promise<void> => {
    const place = join(folders.images, hash);
    const { mtimeMs } = await stat(place);
    if (held.has(hash) || Date.now() - mtimeMs < world.unusedKeptMs) return;
    if (!(await isUsed(folders.sandboxes, place.slice(folders.root.length)))) await world.discard(place);
  };
  return {
    hold: async (archive) => {
      try {
        await using file = await openRegular(archive);
        const hash = await hashOf(file);
        return await alone(hash, () => take(hash, file));
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === undefined) throw error;
        throw fail('image.unusable', { image: archive, reason }, { cause: error });
      }
    },
    prune: async () => {
      const failures: unknown[] = [];
      const hashes: string[] = await readdir(folders.images).catch(ifMissing([]));
      for (const hash of hashes)
        await alone(hash, () => removeUnused(hash)).catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw new AggregateError(failures);
    },
  };
};

const fill = async (place: string, file: FileHandle, world: ImagesWorld): Promise<void> => {
  const draft = await makeThrough(join(world.folders.trash, `image-${randomUUID()}`));
  try {
    const { path } = await unpack(file, draft, await world.ready());
    for (const name of await readdir(draft)) if (name !== ROOTFS) await world.discard(join(draft, name));
    await writeFile(join(draft, ABOUT_FILE), JSON.stringify({ path }));
    await rename(draft, place);
  } finally {
    await world.discard(draft);
  }
};

/** Undefined when it does not exist; an unusable one is moved aside first. */
const readAbout = async (place: string, world: ImagesWorld): Promise<z.infer<typeof About> | undefined> => {
  if (await exists(join(place, ROOTFS)))
    try {
      return await aboutOf(place);
    } catch (error) {
      if (!isUnusable(error)) throw error;
      await world.setAside(place, error);
      return undefined;
    }
  // It is not an image: a rename onto it would fail for ever.
  if (await exists(place)) await world.setAside(place, `it has no ${ROOTFS}`);
  return undefined;
};

/** It was read, or can never be. */
const isUnusable = (error: unknown): boolean =>
  error instanceof SyntaxError ||
  error instanceof z.ZodError ||
  (error as NodeJS.ErrnoException).code === 'EISDIR';

/** An image unpacked by an older version lacks the file. */
const aboutOf = async (place: string): Promise<z.infer<typeof About>> => {
  const text = await readFile(join(place, ABOUT_FILE), 'utf8').catch(ifMissing('{}'));
  return About.parse(JSON.parse(text));
};

/** A sandbox that is alive or may still be removed has its configuration, which names its root. */
const isUsed = async (sandboxes: string, place: string): Promise<boolean> => {
  for (const id of await readdir(sandboxes)) {
    const config = await readFile(join(sandboxes, id, 'config.json'), 'utf8').catch(ifMissing(''));
    if (config.includes(`${place}/${ROOTFS}"`)) return true;
  }
  return false;
};

/** Not a device, which may never end, nor a pipe, which may never start. */
const openRegular = async (path: string): Promise<FileHandle> => {
  if (!isAbsolute(path)) throw new ImageRefusal("give its absolute path on the server's machine");
  const found = await stat(path);
  if (!found.isFile()) throw new ImageRefusal('it is not a file; name an archive');
  return await open(path, 'r');
};

/** A file written twice within this time may keep its timestamps. */
const SETTLED_MS = 2_000;
const MAX_REMEMBERED = 100;

/** Reads an archive only once while it is unchanged. */
const createHashes = (): ((file: FileHandle) => Promise<string>) => {
  const known = new Map<string, string>();
  return async (file) => {
    const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await file.stat({ bigint: true });
    const key = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    const before = known.get(key);
    if (before !== undefined) return before;
    const isSettled = Date.now() - Number(ctimeMs) > SETTLED_MS;
    const hash = createHash('sha256');
    await pipeline(rawOf({ file, offset: 0, sizeBytes: Number(size) }), hash);
    const digest = hash.digest('hex');
    if (known.size >= MAX_REMEMBERED) known.clear();
    if (isSettled) known.set(key, digest);
    return digest;
  };
};

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file on the server's machine",
  ENOTDIR: "there is no such file on the server's machine",
  EACCES: 'the server cannot read the file; allow it (chmod, chown)',
  ELOOP: 'the path is a symbolic link loop',
};

/** Why the archive is at fault; undefined when something else is. */
const reasonOf = (error: unknown): string | undefined => {
  if (error instanceof ImageRefusal) return error.message;
  if (!(error instanceof Error)) return undefined;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (/^(Z|ZSTD)_|^ERR_(ZLIB|ZSTD)/.test(code))
    return `its compressed data is corrupt (${error.message}); copy or save it again`;
  return UNREADABLE[code];
};
