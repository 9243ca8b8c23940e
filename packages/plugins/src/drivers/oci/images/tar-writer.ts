/** Headers of a tar as GNU `tar` reads it. Names are bytes (latin1). */
import { BLOCK_BYTES, checkSumOf, padded, type TarEntry } from './tar-reader.ts';

const TYPES = { file: '0', hardlink: '1', link: '2', folder: '5' } as const;
const MAX_NAME_BYTES = 100;
/** A sandbox has 65,536 ids; an owner beyond them is nobody. */
const NOBODY = 65_534;

export type Written = Pick<TarEntry, 'mode' | 'uid' | 'gid' | 'modifiedAtSeconds' | 'sizeBytes'> & {
  readonly name: string;
  readonly kind: keyof typeof TYPES;
  readonly linkName?: string;
};

/** Its header, preceded by extended headers for long names. */
export const headerOf = ({ linkName = '', ...entry }: Written): Buffer => {
  const blocks = [headerBlock(entry, TYPES[entry.kind], linkName)];
  if (entry.name.length > MAX_NAME_BYTES) blocks.unshift(longName('L', entry.name));
  if (linkName.length > MAX_NAME_BYTES) blocks.unshift(longName('K', linkName));
  return Buffer.concat(blocks);
};

/** Padding after the content up to the next header. */
export const paddingOf = (sizeBytes: number): Buffer => Buffer.alloc(padded(sizeBytes) - sizeBytes);

export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);

const longName = (type: 'L' | 'K', text: string): Buffer => {
  const content = Buffer.from(`${text}\0`, 'latin1');
  const about = { name: '././@LongLink', mode: 0, uid: 0, gid: 0, modifiedAtSeconds: 0 };
  const header = headerBlock({ ...about, sizeBytes: content.length }, type, '');
  return Buffer.concat([header, content, paddingOf(content.length)]);
};

const headerBlock = (entry: Omit<Written, 'kind' | 'linkName'>, type: string, linkName: string): Buffer => {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(entry.name.slice(0, MAX_NAME_BYTES), 0, 'latin1');
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, Math.min(entry.uid, NOBODY));
  octal(block, 116, 8, Math.min(entry.gid, NOBODY));
  size(block, entry.sizeBytes);
  octal(block, 136, 12, Math.min(entry.modifiedAtSeconds, 0o77777777777));
  block[155] = 0x20;
  block.write(type, 156, 'latin1');
  block.write(linkName.slice(0, MAX_NAME_BYTES), 157, 'latin1');
  block.write('ustar  \0', 257, 'latin1');
  octal(block, 148, 7, checkSumOf(block));
  return block;
};

const octal = (block: Buffer, start: number, length: number, value: number): void => {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, start, 'latin1');
};

const size = (block: Buffer, value: number): void => {
  if (value < 8 ** 11) octal(block, 124, 12, value);
  else {
    block[124] = 0x80;
    block.writeUIntBE(value, 130, 6);
  }
};
