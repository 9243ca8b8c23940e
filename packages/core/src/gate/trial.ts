/** For tests: what the judge says of a change that is given as the files of a target and of the change. */
import { judgeChanges } from './judges.ts';

export type Files = Readonly<Record<string, string>>;

/** `-> place` is a symbolic link. */
const treeOf = (files: Files) => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, text.startsWith('-> ') ? `link ${text}` : text]),
  ),
});

/** As the hub reads: a longer file is not read. */
const MAX_CHARACTERS = 256 * 1024;

export const tried = async (lines: readonly string[], was: Files, is: Files) => {
  const texts = { target: was, change: is };
  return judgeChanges({ target: treeOf(was), change: treeOf(is), lines }, async (side, path) => {
    const text = texts[side][path]?.replace(/^-> /, '');
    return text === undefined || text.length > MAX_CHARACTERS ? undefined : text;
  });
};

export const weakened = async (line: string, was: Files, is: Files): Promise<string[]> =>
  (await tried([line], was, is)).weakened.map(({ kind, subject }) => `${kind} ${subject}`);
