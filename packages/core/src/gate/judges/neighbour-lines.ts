/**
 * Repositories of a workspace lie beside each other: what the gate's lines, and the scripts that these reach in one of
 * them, run in another judges there.
 */
import { reach } from '../reach/reach.ts';
import { linesInto } from '../reach/shell-text.ts';
import { judgeMembers } from '../repository/judge-members.ts';
import { manifestsOf } from '../repository/node-members.ts';
import type { JudgedTree } from '../repository/path-index.ts';

export interface Neighbours {
  /** As the target has them. */
  readonly trees: readonly JudgedTree[];
  /** The lines that are run in a repository, before any that others have run there. */
  readonly linesIn: (repository: string) => readonly string[];
  readonly textOf: (repository: string, path: string) => Promise<string | undefined>;
}

/** A script that runs one of another repository, which runs one of a third, and so on. */
const MAX_HOPS = 5;

/** The lines of each repository, with those that the others lead to. */
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
    .flatMap((line) => linesInto(line, repository))
    .filter((line) => !known.includes(line));
  known.push(...new Set(added));
  return added.length > 0;
};
