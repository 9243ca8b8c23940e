/** As much of git as landing needs, in memory: content-addressed commits, refs, ancestry, three-way merges. */
import { fail } from '@berth/contract';
import type { ComposeRequest, Hub } from '../../src/ports.ts';

export type Tree = Readonly<Record<string, string>>;
export interface Commit {
  readonly parents: readonly string[];
  readonly tree: Tree;
}

export interface ScriptedHub extends Hub {
  commit(repository: string, commit: Commit): string;
  look(repository: string, commit: string): Commit;
  /** What was imported, and when it last changed. */
  readonly workspaces: Map<string, number>;
  /** All refs, by `<repository> <ref>`. */
  readonly refs: ReadonlyMap<string, string>;
}

const createHistory = (digest: (text: string) => string) => {
  const commits = new Map<string, Commit>();

  const look = (repository: string, id: string): Commit => {
    const commit = commits.get(`${repository} ${id}`);
    if (commit === undefined) throw fail('record.missing', { noun: 'commit', id });
    return commit;
  };
  const commit = (repository: string, made: Commit): string => {
    const id = digest(JSON.stringify([repository, made.parents, Object.entries(made.tree).sort()])).slice(
      0,
      40,
    );
    commits.set(`${repository} ${id}`, made);
    return id;
  };
  const ancestors = (repository: string, id: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(id)) return seen;
    seen.add(id);
    for (const parent of look(repository, id).parents) ancestors(repository, parent, seen);
    return seen;
  };
  const baseOf = (repository: string, ours: string, theirs: string): Tree => {
    const known = ancestors(repository, ours);
    const shared = [...ancestors(repository, theirs)].filter((id) => known.has(id));
    const best = shared.find((id) => shared.every((other) => ancestors(repository, id).has(other)));
    return best === undefined ? {} : look(repository, best).tree;
  };
  return { look, commit, ancestors, baseOf };
};

/** `digest` returns hex. Workspaces share their repositories by name. */
export const createScriptedHub = (digest: (text: string) => string): ScriptedHub => {
  const refs = new Map<string, string>();
  const workspaces = new Map<string, number>();
  const { look, commit, ancestors, baseOf } = createHistory(digest);

  return {
    ...copiesOf(workspaces),
    refs,
    commit,
    look,
    async importRepository(id, spec) {
      workspaces.set(id, 0);
      return { name: spec.name ?? 'app', source: spec.source, branch: spec.branch ?? 'main' };
    },
    refresh: async () => undefined,
    resolve: async (_, repository, ref) => refs.get(`${repository} ${ref}`),
    async swap(...[, repository, ref, from, to]) {
      const key = `${repository} ${ref}`;
      if (refs.get(key) !== from) return false;
      if (to === undefined) refs.delete(key);
      else refs.set(key, to);
      return true;
    },
    async listRefs(_, repository, prefix) {
      const found = [...refs].filter(([key]) => key.startsWith(`${repository} ${prefix}`));
      return Object.fromEntries(found.map(([key, id]) => [key.slice(repository.length + 1), id]));
    },
    async merge(_, repository, { base, head, keepAt }) {
      if (ancestors(repository, base).has(head)) return { kind: 'nothing' };
      const merged = mergeTrees(
        baseOf(repository, base, head),
        look(repository, base).tree,
        look(repository, head).tree,
      );
      if (merged.conflicts.length > 0) return { kind: 'conflict', paths: merged.conflicts };
      const id = commit(repository, { parents: [base, head], tree: merged.tree });
      refs.set(`${repository} ${keepAt}`, id);
      return { kind: 'merged', commit: id };
    },
    async compose(_, repository, request) {
      const { commit: onto, from, keepAt } = request;
      const tree = composed(look(repository, onto).tree, look(repository, from).tree, request);
      const id = commit(repository, { parents: [onto], tree });
      refs.set(`${repository} ${keepAt}`, id);
      return id;
    },
    files: async (_, repository, id) => look(repository, id).tree,
    readFile: async (_, repository, { commit: id, path }) => look(repository, id).tree[path],
    tree: async (_, repository, id) =>
      digest(JSON.stringify(Object.entries(look(repository, id).tree).sort())),
    diff: async () => '',
    until() {
      return this;
    },
    contains: async (_, repository, descendant, ancestor) => ancestors(repository, descendant).has(ancestor),
  };
};

const copiesOf = (
  workspaces: Map<string, number>,
): Pick<ScriptedHub, 'workspaces' | 'recorded' | 'removeWorkspace' | 'listWorkspaces' | 'maintain'> => ({
  workspaces,
  async removeWorkspace(id) {
    workspaces.delete(id);
  },
  maintain: async () => false,
  recorded: async () => undefined,
  listWorkspaces: async () =>
    [...workspaces].map(([id, changedAt]) => ({ id, changedAt, isHalfMade: false })),
});

const composed = (
  onto: Tree,
  from: Tree,
  { paths, texts }: Pick<ComposeRequest, 'paths' | 'texts'>,
): Tree => {
  const kept = Object.entries(onto).filter(([path]) => !paths.includes(path));
  const taken = Object.entries(from).filter(([path]) => paths.includes(path));
  return Object.fromEntries([...kept, ...taken, ...Object.entries(texts)]);
};

const mergeTrees = (base: Tree, ours: Tree, theirs: Tree): { tree: Tree; conflicts: string[] } => {
  const tree: Record<string, string> = {};
  const conflicts: string[] = [];
  for (const path of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [was, mine, yours] = [base[path], ours[path], theirs[path]];
    if (mine !== yours && mine !== was && yours !== was) conflicts.push(path);
    const kept = mine === was ? yours : mine;
    if (kept !== undefined) tree[path] = kept;
  }
  return { tree, conflicts };
};
