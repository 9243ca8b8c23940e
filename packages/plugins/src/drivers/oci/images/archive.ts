/** The files of a layer archive, read by name without unpacking. */
import type { FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { jsonPath, problemsIn } from '@berth/contract';
import type { z } from 'zod';
import { type Blob, hashOf, rawOf } from './blobs.ts';
import { bytesOfFile } from './bytes.ts';
import { BOUNDS, ImageRefusal } from './documents.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

export interface Archive {
  readonly has: (path: string) => boolean;
  /** Rejects when it does not exist. */
  readonly blob: (path: string) => Blob;
  /** A blob by its digest, verified. */
  readonly verified: (digest: string, sizeBytes?: number) => Promise<Blob>;
  /** A JSON document. */
  readonly document: <T>(blob: Blob, schema: z.ZodType<T>, what: string) => Promise<T>;
}

/** Layer archives hold a handful of files per layer; a root file system holds more, and needs no index. */
const MAX_LISTED = 20_000;
const MAX_LINKS = 8;
const DIGEST = /^sha256:([0-9a-f]{64})$/;

export const listArchive = async (file: FileHandle): Promise<Archive> => {
  const { size } = await file.stat();
  const entries = new Map<string, TarEntry>();
  for await (const entry of readTar(bytesOfFile(file, size))) {
    entries.set(posix.normalize(entry.name).replace(/\/$/, ''), entry);
    if (entries.size > MAX_LISTED) break;
  }
  const blob = (path: string): Blob => {
    const entry = followed(entries, path);
    if (entry !== undefined) return { file, offset: entry.offset, sizeBytes: entry.sizeBytes };
    throw new ImageRefusal(`${path} is missing from it; save the image again, with all its layers`);
  };
  return {
    blob,
    has: (path) => followed(entries, path) !== undefined,
    verified: async (digest, sizeBytes) => {
      const [, hex] = DIGEST.exec(digest) ?? [];
      if (hex === undefined)
        throw new ImageRefusal(`the digest ${digest.slice(0, 100)} in it is not SHA-256`);
      const found = blob(`blobs/sha256/${hex}`);
      await verify(found, hex, sizeBytes);
      return found;
    },
    document: async (found, schema, what) => {
      const value = json(await textOf(found, what), what);
      const read = schema.safeParse(value);
      if (read.success) return read.data;
      const [problem] = problemsIn(read.error, value);
      const place = jsonPath(problem?.path ?? []);
      throw new ImageRefusal(`its ${what} is invalid: ${place} ${problem?.message}`);
    },
  };
};

/** Verifies a range of the archive, as stored, against its digest. */
export const verify = async (blob: Blob, hex: string, sizeBytes = blob.sizeBytes): Promise<void> => {
  const actual = await hashOf(rawOf(blob), blob.sizeBytes);
  if (actual === hex && blob.sizeBytes === sizeBytes) return;
  throw new ImageRefusal(`sha256:${hex} in it does not match its digest; copy or save it again`);
};

/** Old archives store a repeated layer once, and a link to it. */
const followed = (entries: ReadonlyMap<string, TarEntry>, path: string): TarEntry | undefined => {
  let name = posix.normalize(path);
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const entry = entries.get(name);
    if (entry?.kind === 'file') return entry;
    if (entry?.kind === 'link') name = posix.join(posix.dirname(name), entry.linkName);
    else if (entry?.kind === 'hardlink') name = posix.normalize(entry.linkName);
    else return undefined;
  }
  return undefined;
};

const textOf = async ({ file, offset, sizeBytes }: Blob, what: string): Promise<string> => {
  if (sizeBytes > BOUNDS.documentBytes)
    throw new ImageRefusal(`its ${what} is longer than ${BOUNDS.documentBytes} bytes`);
  const { buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, offset);
  return buffer.toString('utf8');
};

const json = (text: string, what: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ImageRefusal(`its ${what} is not JSON`, { cause: error });
  }
};
