/** Submodules: of what they hold only a commit is known, and a set-up may check it out. */
import type { Reached } from '../reach/reach.ts';
import { isConfiguration, isScriptPlace, isTestFile, isToolInPlace } from '../repository/judge-paths.ts';
import { foldersAbove } from '../repository/path-index.ts';
import type { Trees } from './trees.ts';

/** The hub lists a submodule with this before its commit. */
const MODULE = 'module ';

export const isModule = (path: string, { target, change }: Trees): boolean =>
  [target, change].some(({ ids }) => ids[path]?.startsWith(MODULE));

/** Whether scripts, tests, tools or their configuration lie in it, as far as its place and what is reached tell. */
export const isJudgingModule = (path: string, reached: Reached): boolean => {
  const inside = `${path}/x`;
  if ([isScriptPlace, isTestFile, isConfiguration, isToolInPlace].some((is) => is(inside) || is(path)))
    return true;
  return reached.runs(path) || reached.runs(inside) || foldersReached(reached).has(path);
};

const known = new WeakMap<Reached, ReadonlySet<string>>();
const foldersReached = (reached: Reached): ReadonlySet<string> => {
  const folders = known.get(reached) ?? new Set([...reached.scripts].flatMap(foldersAbove));
  known.set(reached, folders);
  return folders;
};
