/** For tests: what the judge says of a change that is given as the files of a target and of the change. */
import { judgeChanges } from '../src/gate/judges/judges.ts';

export type Files = Readonly<Record<string, string>>;

/** `-> place` is a symbolic link. */
export const treeOf = (files: Files) => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, text.startsWith('-> ') ? `link ${text}` : text]),
  ),
});

/** As the hub reads: a longer file is not read. */
const MAX_CHARACTERS = 256 * 1024;

/** What a person is shown. All that judges as in the target must be there to be taken from it. */
export const weakened = async (
  line: string | readonly string[],
  was: Files,
  is: Files,
): Promise<string[]> => {
  const texts = { target: was, change: is };
  const pair = { target: treeOf(was), change: treeOf(is), lines: [line].flat() };
  const found = await judgeChanges(pair, async (side, path) => {
    const text = texts[side][path]?.replace(/^-> /, '');
    return text === undefined || text.length > MAX_CHARACTERS ? undefined : text;
  });
  const absent = found.fromTarget.filter((path) => !(path in was || path in is));
  return [
    ...found.weakened.map(({ kind, subject }) => `${kind} ${subject}`),
    ...absent.map((path) => `absent ${path}`),
  ];
};
