/** Product files that can now end the tests that load them with a success, or alter them. */
import type { Weakening } from '@berth/contract';
import { codeStrings } from '../reach/judge-texts.ts';
import { isConfiguration, isTestCode, isTestFile } from '../repository/judge-paths.ts';
import { folderOf, nameOf } from '../repository/path-index.ts';
import { exitingFunctions, exitsOnLoad, mayEndProgram, type Named, patchesOnLoad } from '../suite/exits.ts';
import type { Trees } from './trees.ts';

type Found = Omit<Weakening, 'repository'>;

/** Maximum number of product files examined per change. */
const MAX_LOOKED_INTO = 500;
/** Files read to find out what tests load. With more, every product file counts as loaded. */
const MAX_LOADERS = 400;

export const exitsAdded = async (altered: readonly string[], trees: Trees): Promise<Found[]> => {
  const { target, change, read, reached } = trees;
  const paths = altered.filter(
    (path) => change.paths.has(path) && mayEndProgram(path) && !isTestFile(path) && !isConfiguration(path),
  );
  const found: Found[] = [];
  const isLoaded = loadedByTests(trees);
  const named = await exitingOf(paths, trees);
  for (const [index, path] of paths.entries()) {
    if (reached.runs(path)) continue;
    if (index >= MAX_LOOKED_INTO) {
      const detail = `${paths.length - index} more files may end the tests that load them`;
      return [...found, { kind: 'test_reduced', subject: path, detail }];
    }
    const is = (await read('change', path)) ?? '';
    const was = target.paths.has(path) ? ((await read('target', path)) ?? '') : '';
    const detail = moreOf(path, { was, is }, named);
    if (detail === undefined || !(await isLoaded(path))) continue;
    found.push({ kind: 'test_reduced', subject: path, detail });
  }
  return found;
};

const moreOf = (
  path: string,
  { was, is }: { readonly was: string; readonly is: string },
  named: Named,
): string | undefined => {
  const [before, after] = [exitsOnLoad(path, was, named), exitsOnLoad(path, is, named)];
  if (before < after) return `${before} → ${after} ways to end the program when a test loads it`;
  const [made, makes] = [patchesOnLoad(path, was), patchesOnLoad(path, is)];
  return made < makes ? `${made} → ${makes} ways to change what tests are made of` : undefined;
};

/** Functions in the change that end the program and that another of its files may call. */
const exitingOf = async (paths: readonly string[], { read }: Trees): Promise<Named> => {
  const names = new Set<string>();
  for (const path of paths.slice(0, MAX_LOOKED_INTO))
    for (const name of exitingFunctions(path, (await read('change', path)) ?? '')) names.add(name);
  return names;
};

/** In other languages, everything that is compiled counts as loaded. */
const LOADED_BY_NAME = /\.(?:[cm]?[jt]sx?|py|rb)$/;

const loadedByTests = (trees: Trees): ((path: string) => Promise<boolean>) => {
  let names: Promise<ReadonlySet<string> | undefined> | undefined;
  return async (path) => {
    if (path.endsWith('.go')) return isPackageTested(path, trees);
    if (!LOADED_BY_NAME.test(path)) return true;
    names ??= namesLoaded(trees);
    const known = await names;
    return known === undefined || stemsOf(path).some((stem) => known.has(stem));
  };
};

/** Only the tests beside a Go program load it. */
const isPackageTested = async (path: string, { change, index, read }: Trees): Promise<boolean> => {
  const folder = folderOf(path);
  const isProgram = /^package main\b/m.test((await read('change', path)) ?? '');
  const isBeside = (one: string): boolean => one.endsWith('_test.go') && folderOf(one) === folder;
  return !isProgram || index.change.below(folder).some(isBeside) || change.isCut || index.change.isSpent();
};

/**
 * The names under which another file may load this one: its own and, for a file that stands for its folder,
 * those of the folders.
 */
const stemsOf = (path: string): string[] => {
  const parts = path.split('/');
  const own = (parts.pop() ?? '').replace(/(?:\.d)?\.\w+$/, '');
  return /^(?:index|main|mod|lib|__init__)$/.test(own) ? [...parts, own] : [own];
};

/**
 * Names of everything that tests and scripts load, transitively; undefined when there are too many files to
 * read.
 */
const namesLoaded = async ({ change, reached, read }: Trees): Promise<ReadonlySet<string> | undefined> => {
  const code = [...change.paths].filter((path) => LOADED_BY_NAME.test(path));
  const byStem = pathsByStem(code);
  const waiting = code.filter((path) => isTestCode(path) || reached.tests.has(path) || reached.runs(path));
  const [opened, names] = [new Set(waiting), new Set<string>()];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const text = opened.size > MAX_LOADERS ? undefined : await read('change', path);
    if (text === undefined) return undefined;
    const more = namesIn(path, text).filter((name) => !names.has(name));
    for (const name of more) names.add(name);
    const files = more.flatMap((name) => byStem.get(name) ?? []).filter((one) => !opened.has(one));
    for (const one of files) opened.add(one);
    waiting.push(...new Set(files));
  }
  return names;
};

const pathsByStem = (paths: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const byStem = new Map<string, string[]>();
  for (const path of paths)
    for (const stem of stemsOf(path)) {
      const alike = byStem.get(stem) ?? [];
      alike.push(path);
      byStem.set(stem, alike);
    }
  return byStem;
};

const namesIn = (path: string, text: string): string[] =>
  codeStrings(path, text).flatMap((one) =>
    one.split(/[/.]/).length > MAX_PARTS
      ? []
      : one.split('/').map((part) => nameOf(part).replace(/\.\w+$/, '')),
  );
const MAX_PARTS = 50;
