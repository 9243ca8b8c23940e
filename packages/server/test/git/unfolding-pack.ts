/** A pack of a few kilobytes with one commit, whose only file is a difference that unfolds to any size. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';

const BASE_BYTES = 8 * 2 ** 20;
const TYPES = { commit: 1, tree: 2, blob: 3, difference: 7 } as const;

/** Numbers in groups of seven bits, the lowest first. */
const sevens = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...sevens(Math.floor(value / 128))];

const header = (type: number, size: number): Buffer => {
  const rest = Math.floor(size / 16);
  const first = (type << 4) | (size % 16);
  return Buffer.from(rest === 0 ? [first] : [first | 128, ...sevens(rest)]);
};

const idOf = (type: string, sizeBytes: number, parts: Iterable<Buffer>): Buffer => {
  const hash = createHash('sha1').update(`${type} ${sizeBytes}\0`);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** `times`: how often 8 MiB are repeated in the file. */
export const unfoldingPack = (times: number): { commit: string; pack: Buffer } => {
  const base = Buffer.alloc(BASE_BYTES);
  // Copies the whole base: the third byte of a size alone is given.
  const copies = Array.from({ length: times }, () => [0x80 | 0x40, BASE_BYTES >> 16]).flat();
  const difference = Buffer.from([...sevens(BASE_BYTES), ...sevens(BASE_BYTES * times), ...copies]);
  const file = idOf('blob', BASE_BYTES * times, Array(times).fill(base));
  const tree = Buffer.concat([Buffer.from('100644 large\0'), file]);
  const treeId = idOf('tree', tree.length, [tree]).toString('hex');
  const who = 'Ada <ada@example.com> 1 +0000';
  const commit = Buffer.from(`tree ${treeId}\nauthor ${who}\ncommitter ${who}\n\nx\n`);
  const start = Buffer.from([...Buffer.from('PACK'), 0, 0, 0, 2, 0, 0, 0, 4]);
  const body = Buffer.concat([
    start,
    ...[header(TYPES.blob, base.length), deflateSync(base)],
    ...[
      header(TYPES.difference, difference.length),
      idOf('blob', base.length, [base]),
      deflateSync(difference),
    ],
    ...[header(TYPES.tree, tree.length), deflateSync(tree)],
    ...[header(TYPES.commit, commit.length), deflateSync(commit)],
  ]);
  const pack = Buffer.concat([body, createHash('sha1').update(body).digest()]);
  return { commit: idOf('commit', commit.length, [commit]).toString('hex'), pack };
};
