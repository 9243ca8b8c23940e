/** Tests of the target that a change has moved, and test data that it has removed. */
import { isFoundAlike, isOutOfSight, isTestCode, isTestFile } from '../repository/judge-paths.ts';
import { folderOf, nameOf } from '../repository/path-index.ts';
import type { Trees } from './trees.ts';

/**
 * Where a test has moved, if the same runner is known to run it there as well. Each copy stands for one test.
 * The target's run still has the test at its old path; this only avoids asking a person about the move.
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

/** Runners that find tests by name in any folder. */
const SEARCHES_FOLDERS = [
  ...['--test', 'vitest', 'jest', 'ava', 'bun', 'deno', 'pytest', 'go', 'rspec', 'phpunit', 'mvn', './mvnw'],
  ...['gradle', './gradlew', 'dotnet', 'mix', 'swift', 'dart', 'flutter'],
];

/** Maximum number of test files searched for the names of the data they read. */
const MAX_READERS = 400;

/**
 * Whether a test data file is a case of its own: no test names it, so some test must iterate over its folder
 * and would not notice a missing file. With too many tests to read this is unknown, and the file counts as a
 * case.
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

/** Whether data that had content has none any more. */
export const isEmptied = (was: string | undefined, is: string | undefined): boolean =>
  !SAYS_NOTHING.test(was ?? 'unknown') && SAYS_NOTHING.test(is ?? 'unknown');
const SAYS_NOTHING = /^(?:[\s[\]{}"',;-]|null)*$/;
