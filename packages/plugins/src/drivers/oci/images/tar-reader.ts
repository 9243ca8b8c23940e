/**
 * The headers of a tar: ustar, with the long names of GNU and of pax. Nothing is written, and names are not trusted.
 * Names are bytes, kept as latin1, so that every name round-trips.
 */
import type { Bytes } from './bytes.ts';
import { ImageRefusal } from './documents.ts';

export interface TarEntry {
  readonly name: string;
  /** `other`: devices, pipes and others unsupported in a sandbox. */
  readonly kind: 'file' | 'hardlink' | 'link' | 'folder' | 'other';
  readonly linkName: string;
  readonly sizeBytes: number;
  /** Where its content begins. */
  readonly offset: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAtSeconds: number;
}

export const BLOCK_BYTES = 512;
const MAX_EXTENSION_BYTES = 2 ** 20;
const NO_TAR = 'it is not a tar archive, or it is corrupt';
/** Links, folders, devices and pipes: no content follows, whatever size they declare. */
const BARE = '123456';
const KINDS: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'link',
  '5': 'folder',
};

/** Fields of an entry overridden by preceding headers. */
type Extension = ReadonlyMap<string, string>;

/** Yields each entry before its content: the caller may read it, or part of it, before requesting the next one. */
export async function* readTar(bytes: Bytes): AsyncGenerator<TarEntry> {
  let extension = new Map<string, string>();
  for (;;) {
    const block = await bytes.take(BLOCK_BYTES);
    // One block of zeros is the end: the padding after it is irrelevant.
    if (block === undefined || block.every((byte) => byte === 0)) return;
    checkSum(block);
    const type = String.fromCharCode(block[156] ?? 0);
    const sizeBytes = numberAt(block, 124, 12);
    if ('xLK'.includes(type)) {
      for (const [key, value] of extensionOf(type, await contentOf(bytes, sizeBytes)))
        extension.set(key, value);
      continue;
    }
    if (type === 'g') {
      await bytes.skip(padded(sizeBytes));
      continue;
    }
    const entry = entryOf(block, type, extension, bytes.position);
    extension = new Map();
    yield entry;
    await bytes.skip(entry.offset + padded(entry.sizeBytes) - bytes.position);
  }
}

/** A size, rounded up to whole blocks. */
export const padded = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES;

const entryOf = (block: Buffer, type: string, extension: Extension, offset: number): TarEntry => {
  if (type === 'S' || [...extension.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw new ImageRefusal('a file in it is stored as sparse; write it without --sparse');
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textAt(block, 345, 155) : '';
  const short = textAt(block, 0, 100);
  const name = extension.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`);
  const kind = KINDS[type] ?? 'other';
  const stated = Number(extension.get('size') ?? numberAt(block, 124, 12));
  const sizeBytes = BARE.includes(type) ? 0 : stated;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw new ImageRefusal(NO_TAR);
  return {
    // The oldest archives mark a folder by a trailing slash only.
    kind: kind === 'file' && name.endsWith('/') ? 'folder' : kind,
    name,
    linkName: extension.get('linkpath') ?? textAt(block, 157, 100),
    sizeBytes,
    offset,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: idOf(extension.get('uid'), numberAt(block, 108, 8)),
    gid: idOf(extension.get('gid'), numberAt(block, 116, 8)),
    modifiedAtSeconds: numberAt(block, 136, 12),
  };
};

const idOf = (extended: string | undefined, plain: number): number => {
  const id = extended === undefined ? plain : Number(extended);
  return Number.isSafeInteger(id) && id >= 0 ? id : 0;
};

const contentOf = async (bytes: Bytes, sizeBytes: number): Promise<Buffer> => {
  if (sizeBytes > MAX_EXTENSION_BYTES) throw new ImageRefusal('a header in it is longer than 1 MiB');
  const content = await bytes.take(padded(sizeBytes));
  return (content ?? Buffer.alloc(0)).subarray(0, sizeBytes);
};

const extensionOf = (type: string, content: Buffer): Extension => {
  if (type === 'x') return paxRecords(content);
  return new Map([[type === 'L' ? 'path' : 'linkpath', textAt(content, 0, content.length)]]);
};

/** Lines of `<length> <key>=<value>\n`, where the length counts itself. */
const paxRecords = (content: Buffer): Extension => {
  const records = new Map<string, string>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(' ', at);
    const length = Number(content.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) throw new ImageRefusal(NO_TAR);
    const [key = '', ...value] = content.toString('latin1', space + 1, at + length - 1).split('=');
    records.set(key, value.join('='));
    at += length;
  }
  return records;
};

const checkSum = (block: Buffer): void => {
  if (numberAt(block, 148, 8) !== checkSumOf(block)) throw new ImageRefusal(NO_TAR);
};

/** The sum of a header's bytes, with the checksum field as spaces. */
export const checkSumOf = (block: Buffer): number => {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK_BYTES; at += 1) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
};

/** Octal digits, or, when the first bit is set, a base-256 number (GNU). */
const numberAt = (block: Buffer, start: number, length: number): number => {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if (first === 0xff) return 0; // negative: a time before 1970
  if ((first & 0x80) !== 0) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
  const digits = textAt(block, start, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new ImageRefusal(NO_TAR);
  return digits === '' ? 0 : Number.parseInt(digits, 8);
};

const textAt = (block: Buffer, start: number, length: number): string => {
  const end = block.subarray(start, start + length).indexOf(0);
  return block.toString('latin1', start, end < 0 ? start + length : start + end);
};
