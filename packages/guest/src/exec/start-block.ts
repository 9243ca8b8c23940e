/**
 * The command block of a starter, which it reads to a fixed address and uses in place. All numbers have 64 bits:
 *
 *   the length of the block; flags; the addresses of the folder and of the environment's vector;
 *   the address of the program's path, then the argument vector; the environment's vector; the text.
 */
export interface Start {
  readonly path: string;
  /** Complete, including argv[0]. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input is `/dev/null`. */
  readonly inputless: boolean;
  /** It waits for one more byte before it execs the program. */
  readonly held: boolean;
}

/** The address it is read to. */
export const BLOCK_AT = 0x1000_0000;
/** More than exec accepts: the kernel takes 2 MiB of strings and pointers while the stack limit is 8 MiB. */
export const BLOCK_BYTES = 8 * 2 ** 20;

const INPUTLESS = 1;
const ENTER = 2;
const HELD = 4;
const WORD_BYTES = 8;
const HEADER_WORDS = 4;

/** Throws with the code that the system would return. */
export const encodeStart = ({ path, argv, cwd, env, inputless, held }: Start): Buffer => {
  const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const texts = [cwd, path, ...argv, ...pairs];
  if (texts.some((text) => text.includes('\0'))) throw new StartError('EINVAL');
  const words = HEADER_WORDS + 1 + argv.length + 1 + pairs.length + 1;
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const length = sizes.reduce((sum, size) => sum + size, words * WORD_BYTES);
  if (length > BLOCK_BYTES) throw new StartError('E2BIG');
  const block = Buffer.alloc(length);
  let word = 0;
  let text = words * WORD_BYTES;
  const put = (value: number): void => {
    block.writeUInt32LE(value, WORD_BYTES * word++);
  };
  const putText = (index: number): void => {
    put(BLOCK_AT + text);
    block.write(texts[index] ?? '', text);
    text += sizes[index] ?? 0;
  };
  put(length);
  put(ENTER | (inputless ? INPUTLESS : 0) | (held ? HELD : 0));
  putText(0);
  put(BLOCK_AT + (words - 1 - pairs.length) * WORD_BYTES);
  for (let index = 1; index < 2 + argv.length; index++) putText(index);
  put(0);
  for (let index = 2 + argv.length; index < texts.length; index++) putText(index);
  return block;
};

export class StartError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}
