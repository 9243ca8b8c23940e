/** Sequential reading, of a stream, or of a file in which skipped parts are never read. */
import type { FileHandle } from 'node:fs/promises';
import { ImageRefusal } from './documents.ts';

export interface Bytes {
  /** Bytes taken or skipped so far. */
  readonly position: number;
  /** Exactly this many; undefined at the end. Rejects when the end comes in between. */
  take(count: number): Promise<Buffer | undefined>;
  skip(count: number): Promise<void>;
  /** This many, in chunks. */
  pieces(count: number): AsyncGenerator<Buffer>;
}

const PIECE_BYTES = 2 ** 18;
const CUT = 'it is truncated; copy or save it again';

export const bytesOfStream = (source: AsyncIterable<Buffer>): Bytes => {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  let position = 0;
  /** At most this many; undefined at the end. */
  const some = async (most: number): Promise<Buffer | undefined> => {
    while (held.length === 0) {
      const { value, done } = await chunks.next();
      if (done === true) return undefined;
      held = value;
    }
    const piece = held.subarray(0, most);
    held = held.subarray(piece.length);
    position += piece.length;
    return piece;
  };
  const pieces = async function* (count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      const piece = await some(left);
      if (piece === undefined) throw new ImageRefusal(CUT);
      left -= piece.length;
      yield piece;
    }
  };
  return {
    get position() {
      return position;
    },
    take: async (count) => {
      const first = await some(count);
      if (first === undefined || first.length === count) return first;
      return Buffer.concat([first, ...(await Array.fromAsync(pieces(count - first.length)))]);
    },
    skip: async (count) => {
      for await (const piece of pieces(count)) void piece;
    },
    pieces,
  };
};

/** A range of a file. */
export const bytesOfFile = (file: FileHandle, sizeBytes: number, offset = 0): Bytes => {
  let position = 0;
  const take = async (count: number): Promise<Buffer> => {
    const left = sizeBytes - position;
    const { buffer, bytesRead } =
      count > left ? CUT_OFF : await file.read(Buffer.allocUnsafe(count), 0, count, offset + position);
    if (bytesRead < count) throw new ImageRefusal(CUT);
    position += count;
    return buffer;
  };
  return {
    get position() {
      return position;
    },
    take: async (count) => (position >= sizeBytes ? undefined : await take(count)),
    skip: async (count) => {
      position += count;
      if (position > sizeBytes) throw new ImageRefusal(CUT);
    },
    pieces: async function* (count) {
      for (let left = count; left > 0; left -= PIECE_BYTES) yield await take(Math.min(left, PIECE_BYTES));
    },
  };
};

const CUT_OFF = { buffer: Buffer.alloc(0), bytesRead: 0 };
