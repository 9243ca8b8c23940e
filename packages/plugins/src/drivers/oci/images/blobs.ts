/** Blobs of an archive: located, verified against their digest, and decompressed. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { type Bytes, bytesOfFile } from './bytes.ts';
import { ImageRefusal } from './documents.ts';
import { zstdFrames } from './zstd-frames.ts';

/** A range of an open file. */
export interface Blob {
  readonly file: FileHandle;
  readonly offset: number;
  readonly sizeBytes: number;
}

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz';

const PIECE_BYTES = 2 ** 18;

/** By magic bytes: neither names nor media types are trusted. */
export const compressionOf = async ({ file, offset, sizeBytes }: Blob): Promise<Compression> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, Math.min(6, sizeBytes), offset);
  const start = buffer.toString('hex', 0, bytesRead);
  if (start.startsWith('1f8b')) return 'gzip';
  if (start.startsWith('fd377a585a00')) return 'xz';
  // A Zstandard archive may begin with skippable frames.
  return start.startsWith('28b52ffd') || /^5.2a4d18/.test(start) ? 'zstd' : 'none';
};

export const rawOf = (blob: Blob): Readable => readable(bytesOf(blob).pieces(blob.sizeBytes));

const bytesOf = ({ file, offset, sizeBytes }: Blob): Bytes => bytesOfFile(file, sizeBytes, offset);

/** In object mode: a byte stream might merge chunks, which frames do not tolerate. */
const readable = (pieces: AsyncIterable<Buffer>): Readable => Readable.from(pieces);

/** Its decompressed content. Corrupt data is a stream error. */
export const plainOf = async (blob: Blob): Promise<Readable> => {
  const compression = await compressionOf(blob);
  if (compression === 'none') return rawOf(blob);
  if (compression === 'xz')
    throw new ImageRefusal('a layer in it is compressed with xz; save it with gzip or zstd layers');
  const options = { chunkSize: PIECE_BYTES };
  // An error on either side ends both and reaches the reader.
  return compression === 'gzip'
    ? pipeline(rawOf(blob), createGunzip(options), () => undefined)
    : pipeline(readable(zstdFrames(bytesOf(blob))), createZstdDecompress(options), () => undefined);
};

/** SHA-256, in hex, of a stream of at most this length. */
export const hashOf = async (stream: Readable, maxBytes: number): Promise<string> => {
  const hash = createHash('sha256');
  let total = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > maxBytes) throw new ImageRefusal(`it unpacks to more than ${maxBytes} bytes`);
    hash.update(chunk);
  }
  return hash.digest('hex');
};
