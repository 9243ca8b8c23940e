/** For tests: what the judge says of a change that is given as the files of a target and of the change. */
import { type JudgeChanges, judgeChanges } from '../src/gate/judges/judges.ts';

export type Files = Readonly<Record<string, string>>;

/** `-> place` is a symbolic link, `@ commit` a submodule. */
export const treeOf = (files: Files) => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, `${kindOf(text)}${text}`])),
});

/** Of any other file the id begins as no kind does, whatever is in it: `go.mod` begins with `module`. */
const kindOf = (text: string): string =>
  text.startsWith('-> ') ? 'link ' : text.startsWith('@ ') ? 'module ' : text.startsWith('run ') ? '' : '0';

/** As the hub reads: a longer file is not read, nor a submodule. */
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

/** What a person is shown. All that judges as in the target must be there to be taken from it. */
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
