/** The two trees that are compared, and what judges in the target. */
import type { Reached } from '../reach/reach.ts';
import { isConfiguration, isScriptPlace, isTestFile, isToolInPlace } from '../repository/judge-paths.ts';
import type { SeenTree } from '../repository/links.ts';
import { foldersAbove, type PathIndex } from '../repository/path-index.ts';

/**
 * Reads a file's text from the target or the change, or the target of a link; undefined when the file is
 * absent or too large to judge.
 */
export type ReadText = (side: 'target' | 'change', path: string) => Promise<string | undefined>;

export interface Trees {
  readonly target: SeenTree;
  readonly change: SeenTree;
  readonly reached: Reached;
  readonly index: { readonly target: PathIndex; readonly change: PathIndex };
  readonly read: ReadText;
}

/** The prefix of a submodule's commit in the hub's listing. */
const MODULE = 'module ';

/** Of a submodule only the commit of its content is known, and a set-up may check it out. */
export const isModule = (path: string, { target, change }: Trees): boolean =>
  [target, change].some(({ ids }) => ids[path]?.startsWith(MODULE));

/**
 * Whether it may contain scripts, tests, tools or their configuration, judging by its path and by what the
 * gate reaches.
 */
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
