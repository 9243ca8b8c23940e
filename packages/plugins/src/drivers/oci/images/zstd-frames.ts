/**
 * Zstandard data, frame by frame. Node's decompressor drops what follows the end of a frame within one chunk of
 * input, and tools write layers of many frames (for partial fetches) with skippable frames in between. So frames are
 * split here, by their own lengths, and no chunk holds parts of two.
 */
import type { Bytes } from './bytes.ts';
import { ImageRefusal } from './documents.ts';

const MAGIC = 0xfd2fb528;
const SKIPPED_MAGIC = 0x184d2a50;
const ID_BYTES = [0, 1, 2, 4] as const;
const RUN_BLOCK = 1;
const RESERVED_BLOCK = 3;

export async function* zstdFrames(bytes: Bytes): AsyncGenerator<Buffer> {
  for (let start = await bytes.take(4); start !== undefined; start = await bytes.take(4)) {
    const magic = start.readUInt32LE();
    if (magic === MAGIC) {
      yield start;
      yield* frame(bytes);
    } else if (magic >>> 4 === SKIPPED_MAGIC >>> 4)
      await bytes.skip((await exactly(bytes, 4)).readUInt32LE());
    else throw new ImageRefusal('the Zstandard data in it is corrupt; copy or save it again');
  }
}

async function* frame(bytes: Bytes): AsyncGenerator<Buffer> {
  const descriptor = await exactly(bytes, 1);
  const flags = descriptor[0] ?? 0;
  yield descriptor;
  yield* bytes.pieces(restOfHeader(flags));
  for (let isLast = false; !isLast; ) {
    const header = await exactly(bytes, 3);
    const bits = header.readUIntLE(0, 3);
    const type = (bits >> 1) & 3;
    if (type === RESERVED_BLOCK)
      throw new ImageRefusal('the Zstandard data in it is corrupt; copy or save it again');
    isLast = (bits & 1) === 1;
    yield header;
    yield* bytes.pieces(type === RUN_BLOCK ? 1 : bits >> 3);
  }
  if ((flags & 4) !== 0) yield* bytes.pieces(4); // the checksum
}

/** Window, dictionary and content size, with lengths given by the flags. */
const restOfHeader = (flags: number): number => {
  const isSingle = (flags & 0x20) !== 0;
  const sizeFlag = flags >> 6;
  const sizeBytes = sizeFlag === 0 ? Number(isSingle) : 2 ** sizeFlag;
  return Number(!isSingle) + (ID_BYTES[(flags & 3) as 0 | 1 | 2 | 3] ?? 0) + sizeBytes;
};

const exactly = async (bytes: Bytes, count: number): Promise<Buffer> => {
  const taken = await bytes.take(count);
  if (taken !== undefined) return taken;
  throw new ImageRefusal('the Zstandard data in it is truncated; copy or save it again');
};
