/** Tests of the target that a change has elsewhere, and data of theirs that it has nowhere any more. */
import { isFoundAlike, isOutOfSight, isTestCode, isTestFile } from '../repository/judge-paths.ts';
import { folderOf, nameOf } from '../repository/path-index.ts';
import type { Trees } from './trees.ts';

/**
 * Where a test has gone, when the same runner is known to run it there too. Each copy stands for one. The target's run
 * has the test at its old place all the same: this only says that nobody need be asked about it.
 */
export const movesOf = (trees: Trees): ((path: string) => string | undefined) => {
  const { target, change, reached } = trees;
  const copies = new Map<string | undefined, string[]>();
  for (const path of change.paths) {
    if (target.paths.has(path) || isOutOfSight(path)) continue;
    if (!reached.findsTest(path) && !isTestFile(path)) continue;
    const alike = copies.get(change.ids[path]) ?? [];
    copies.set(change.ids[path], alike);
    alike.push(path);
  }
  return (path) => {
    const alike = copies.get(target.ids[path]) ?? [];
    const at = alike.findIndex((to) => isRunAlike(path, to, trees));
    return at < 0 ? undefined : alike.splice(at, 1)[0];
  };
};

const isRunAlike = (path: string, to: string, { reached }: Trees): boolean => {
  if (reached.findsTest(to)) return true;
  if (reached.tests.has(path) || !isFoundAlike(path, to)) return false;
  return folderOf(path) === folderOf(to) || SEARCHES_FOLDERS.some((word) => reached.words.has(word));
};

/** Runners that find a test by its name, in whatever folder it lies. */
const SEARCHES_FOLDERS = [
  ...['--test', 'vitest', 'jest', 'ava', 'bun', 'deno', 'pytest', 'go', 'rspec', 'phpunit', 'mvn', './mvnw'],
  ...['gradle', './gradlew', 'dotnet', 'mix', 'swift', 'dart', 'flutter'],
];

/** Files of tests whose texts are looked into for the names of what they read. */
const MAX_READERS = 400;

/**
 * Whether data of tests is a case itself: no test names it, so one goes over all that lie in its folder, and misses
 * nothing when one is gone. Of more tests than are read, that is not known, so it counts as one.
 */
export const isListedCase = async (path: string, { target, read, reached }: Trees): Promise<boolean> => {
  if (/^(?:README|\.)/i.test(nameOf(path))) return false;
  const readers = [...target.paths].filter((one) => isTestCode(one) || reached.runs(one));
  if (readers.length > MAX_READERS) return true;
  const [name, stem] = [nameOf(path), nameOf(path).replace(/\.\w+$/, '')];
  const quoted = ['"', "'", '`', '/'].flatMap((before) =>
    ['"', "'", '`', '.'].map((after) => before + stem + after),
  );
  for (const one of readers) {
    const text = one === path ? '' : ((await read('target', one)) ?? '');
    if ([name, ...quoted].some((word) => text.includes(word))) return false;
  }
  return true;
};

/** Whether nothing is left of data that said something. */
export const isEmptied = (was: string | undefined, is: string | undefined): boolean =>
  !SAYS_NOTHING.test(was ?? 'unknown') && SAYS_NOTHING.test(is ?? 'unknown');
const SAYS_NOTHING = /^(?:[\s[\]{}"',;-]|null)*$/;
