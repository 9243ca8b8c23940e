/**
 * The repositories of a workspace are checked out side by side, so the gate's lines, and scripts they reach
 * in one repository, may run files in another, which then judge as well.
 */
import { reach } from '../reach/reach.ts';
import { UNKNOWN } from '../reach/script-parts.ts';
import { linesInto } from '../reach/shell-text.ts';
import { judgeMembers } from '../repository/judge-members.ts';
import { manifestsOf } from '../repository/node-members.ts';
import type { JudgedTree } from '../repository/path-index.ts';

export interface Neighbours {
  /** The trees of the target. */
  readonly trees: readonly JudgedTree[];
  /** The lines that run in a repository, before those added by other repositories. */
  readonly linesIn: (repository: string) => readonly string[];
  readonly textOf: (repository: string, path: string) => Promise<string | undefined>;
}

/** Maximum length of a chain of scripts that run a script in another repository. */
const MAX_HOPS = 5;

/** The lines of each repository, including those reached from other repositories. */
export const linesAmong = async ({
  trees,
  linesIn,
  textOf,
}: Neighbours): Promise<ReadonlyMap<string, string[]>> => {
  const lines = new Map(
    trees.map(({ repository }) => {
      const own = linesIn(repository);
      return [repository, [...own, ...own.flatMap((line) => linesInto(line, repository))]];
    }),
  );
  if (trees.length < 2) return lines;
  let changed: readonly JudgedTree[] = trees;
  for (let hop = 0; hop < MAX_HOPS && changed.length > 0; hop += 1) {
    const more = new Set<JudgedTree>();
    for (const tree of changed) {
      const { leaving } = await reach({
        paths: tree.paths,
        lines: lines.get(tree.repository) ?? [],
        manifests: manifestsOf(tree),
        members: judgeMembers(tree),
        textOf: (path) => textOf(tree.repository, path),
      });
      for (const other of trees.filter((one) => one !== tree))
        if (addAll(lines.get(other.repository) ?? [], leaving, other.repository)) more.add(other);
    }
    changed = [...more];
  }
  return lines;
};

const addAll = (known: string[], leaving: ReadonlySet<string>, repository: string): boolean => {
  const added = [...leaving]
    .flatMap((line) => (line === UNKNOWN ? [line] : linesInto(line, repository)))
    .filter((line) => !known.includes(line));
  known.push(...new Set(added));
  return added.length > 0;
};
