/** For tests: the judge's verdict on a change given as the files of its target and its own. */
import { type JudgeChanges, judgeChanges } from '../src/gate/judges/judges.ts';

export type Files = Readonly<Record<string, string>>;

/** `-> place` is a symbolic link, `@ commit` a submodule. */
export const treeOf = (files: Files) => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, `${kindOf(text)}${text}`])),
});

/** The id of any other file starts with no kind's prefix, whatever its content: `go.mod` begins with `module`. */
const kindOf = (text: string): string =>
  text.startsWith('-> ') ? 'link ' : text.startsWith('@ ') ? 'module ' : text.startsWith('run ') ? '' : '0';

/** As the hub does: longer files and submodules are not read. */
const MAX_CHARACTERS = 256 * 1024;

export const judged = (line: string | readonly string[], was: Files, is: Files): Promise<JudgeChanges> => {
  const texts = { target: was, change: is };
  const pair = { target: treeOf(was), change: treeOf(is), lines: [line].flat() };
  return judgeChanges(pair, async (side, path) => {
    const text = texts[side][path]?.replace(/^-> /, '');
    const isRead = text !== undefined && text.length <= MAX_CHARACTERS && !text.startsWith('@ ');
    return isRead ? text : undefined;
  });
};

/** What the user is shown. Everything restored from the target must exist in it. */
export const weakened = async (
  line: string | readonly string[],
  was: Files,
  is: Files,
): Promise<string[]> => {
  const found = await judged(line, was, is);
  const absent = found.fromTarget.filter((path) => !(path in was || path in is));
  return [
    ...found.weakened.map(({ kind, subject }) => `${kind} ${subject}`),
    ...absent.map((path) => `absent ${path}`),
  ];
};
