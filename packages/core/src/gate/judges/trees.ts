/** The two sides that are compared, and what judges in the first. */
import type { Reached } from '../reach/reach.ts';
import { isConfiguration, isScriptPlace, isTestFile, isToolInPlace } from '../repository/judge-paths.ts';
import type { SeenTree } from '../repository/links.ts';
import { foldersAbove, type PathIndex } from '../repository/path-index.ts';

/**
 * The text of a file, of the target or the change, or where a link leads; undefined when it is absent, or too large to
 * judge.
 */
export type ReadText = (side: 'target' | 'change', path: string) => Promise<string | undefined>;

export interface Trees {
  readonly target: SeenTree;
  readonly change: SeenTree;
  readonly reached: Reached;
  readonly index: { readonly target: PathIndex; readonly change: PathIndex };
  readonly read: ReadText;
}

/** Submodules: of what they hold only a commit is known, and a set-up may check it out. */

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
