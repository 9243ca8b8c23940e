/** Objects of git made without git, for histories and trees that it would never make, and as many as are needed. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { execaSync } from 'execa';
import { sealed } from './sample.ts';

const TYPES = { commit: 1, tree: 2, blob: 3 } as const;
type Type = keyof typeof TYPES;

export interface Entry {
  readonly name: string | Buffer;
  readonly id: string;
  /** `100644` when absent. */
  readonly mode?: string;
}

export const createObjects = () => {
  const objects = new Map<string, readonly [Type, Buffer]>();
  const add = (type: Type, body: Buffer): string => {
    const id = createHash('sha1').update(`${type} ${body.length}\0`).update(body).digest('hex');
    objects.set(id, [type, body]);
    return id;
  };
  return {
    blob: (text: string) => add('blob', Buffer.from(text)),
    /** Entries in the order of git. */
    tree: (entries: readonly Entry[]) =>
      add(
        'tree',
        Buffer.concat(
          entries.flatMap(({ name, id, mode = '100644' }) => [
            Buffer.from(`${mode} `),
            Buffer.from(name),
            Buffer.from([0]),
            Buffer.from(id, 'hex'),
          ]),
        ),
      ),
    commit: (tree: string, parents: readonly string[] = []) => {
      const lines = [`tree ${tree}`, ...parents.map((parent) => `parent ${parent}`)];
      const who = 'Ada <ada@example.com> 1 +0000';
      return add(
        'commit',
        Buffer.from(`${[...lines, `author ${who}`, `committer ${who}`].join('\n')}\n\nx\n`),
      );
    },
    pack: (): Buffer => {
      const start = Buffer.alloc(12);
      start.write('PACK');
      start.writeUInt32BE(2, 4);
      start.writeUInt32BE(objects.size, 8);
      const parts = [...objects.values()].flatMap(([type, body]) => [
        header(TYPES[type], body.length),
        deflateSync(body, { level: 0 }),
      ]);
      const body = Buffer.concat([start, ...parts]);
      return Buffer.concat([body, createHash('sha1').update(body).digest()]);
    },
  };
};

const header = (type: number, size: number): Buffer => {
  const bytes = [(type << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 128;
    bytes.push(rest & 127);
  }
  return Buffer.from(bytes);
};

/** Puts a pack into a repository as it is, unchecked. */
export const takePack = (gitDir: string, pack: Buffer): void => {
  execaSync('git', ['--git-dir', gitDir, 'index-pack', '--stdin'], {
    input: pack,
    env: sealed,
    extendEnv: false,
  });
};
