/** Parts of an archive: found, compared with what they are said to be, and read without their compression. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { type Bytes, bytesOfFile } from './bytes.ts';
import { ImageRefusal } from './documents.ts';
import { zstdFrames } from './zstd-frames.ts';

/** A stretch of an opened file. */
export interface Blob {
  readonly file: FileHandle;
  readonly offset: number;
  readonly sizeBytes: number;
}

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz';

const PIECE_BYTES = 2 ** 18;

/** By the first bytes: neither names nor media types are believed. */
export const compressionOf = async ({ file, offset, sizeBytes }: Blob): Promise<Compression> => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, Math.min(6, sizeBytes), offset);
  const start = buffer.toString('hex', 0, bytesRead);
  if (start.startsWith('1f8b')) return 'gzip';
  if (start.startsWith('fd377a585a00')) return 'xz';
  // A Zstandard archive may begin with frames to skip.
  return start.startsWith('28b52ffd') || /^5.2a4d18/.test(start) ? 'zstd' : 'none';
};

export const rawOf = (blob: Blob): Readable => readable(bytesOf(blob).pieces(blob.sizeBytes));

const bytesOf = ({ file, offset, sizeBytes }: Blob): Bytes => bytesOfFile(file, sizeBytes, offset);

/** Piece by piece: as a stream of bytes it might join pieces, which frames do not bear. */
const readable = (pieces: AsyncIterable<Buffer>): Readable => Readable.from(pieces);

/** Its content without the compression. Damaged data is an error of the stream. */
export const plainOf = async (blob: Blob): Promise<Readable> => {
  const compression = await compressionOf(blob);
  if (compression === 'none') return rawOf(blob);
  if (compression === 'xz')
    throw new ImageRefusal('a layer in it is compressed with xz; save it with layers of gzip or zstd');
  const options = { chunkSize: PIECE_BYTES };
  // An error on either side ends both, and whoever reads hears of it.
  return compression === 'gzip'
    ? pipeline(rawOf(blob), createGunzip(options), () => undefined)
    : pipeline(readable(zstdFrames(bytesOf(blob))), createZstdDecompress(options), () => undefined);
};

/** SHA-256, in hex, of a stream that may not be longer than this. */
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
