/**
 * The working tree as git would commit it, without the agent's own index and settings: a separate git folder next to
 * it, with the same objects and an index filled from the head and then with all files, except ignored ones. The
 * agent's configuration (filters, hooks, remotes) is not in it, so nothing of it runs.
 *
 * A nested repository created by the agent (many generators run `git init`) is committed as plain files. Git would
 * store only the id of a commit that nobody else has, and the work would be lost silently.
 */
import type { Sandbox } from '@berth/plugin-api';
import type { SandboxGit } from './sandbox-git.ts';

export interface PrivateIndex {
  /** For the environment of git commands. */
  readonly env: Environment;
}

type Environment = Readonly<
  Record<'GIT_DIR' | 'GIT_WORK_TREE' | 'GIT_OBJECT_DIRECTORY' | 'GIT_INDEX_FILE', string>
>;

interface Deps {
  readonly git: SandboxGit;
  readonly newExecId: () => string;
}

interface Tree {
  readonly sandbox: Sandbox;
  /** The files' folder: the repository's own, or one within it. */
  readonly cwd: string;
  readonly env: Environment;
  readonly depth: number;
}

/** Maximum depth of nested repositories. */
const MAX_DEPTH = 4;

/** What makes a folder a git folder. Files left by the set-up are excluded by the checkout's list. */
const filesOf = (own: string): Readonly<Record<string, string>> => ({
  HEAD: 'ref: refs/heads/none\n',
  'refs/.keep': '',
  config: `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\texcludesFile = ${own}/info/exclude\n`,
});

/** `from`: a commit. */
export const withPrivateIndex = async <T>(
  deps: Deps,
  where: { readonly sandbox: Sandbox; readonly cwd: string; readonly from: string },
  use: (index: PrivateIndex) => Promise<T>,
): Promise<T> => {
  const { sandbox, cwd, from } = where;
  const own = `${cwd}/.git`;
  const folder = `${own}/berth-${deps.newExecId()}`;
  const env = {
    GIT_DIR: folder,
    GIT_WORK_TREE: cwd,
    GIT_OBJECT_DIRECTORY: `${own}/objects`,
    GIT_INDEX_FILE: `${folder}/index`,
  };
  try {
    for (const [name, text] of Object.entries(filesOf(own)))
      await sandbox.files.write(`${folder}/${name}`, Buffer.from(text));
    await deps.git(sandbox, { cwd, env, args: ['read-tree', from] });
    await addAll(deps, { sandbox, cwd, env, depth: 0 });
    return await use({ env });
  } finally {
    await sandbox.files.remove(folder);
  }
};

const addAll = async (deps: Deps, tree: Tree): Promise<void> => {
  const { sandbox, cwd, env, depth } = tree;
  // An unreadable file keeps its old state; exit code 1 reports that there was one.
  const args = ['add', '--all', '--ignore-errors', '--', '.'] as const;
  const { stderr } = await deps.git(sandbox, { cwd, env, args, answers: [1] });
  const nested = [...stderr.matchAll(NESTED)].map(([, added, refused]) => added ?? refused ?? '');
  if (nested.length === 0 || depth === MAX_DEPTH) return;
  const submodules = depth === 0 ? await submodulesOf(deps, tree) : [];
  for (const path of nested) if (!submodules.includes(path)) await addFilesOf(deps, tree, path);
};

/** Git's messages about a nested repository: it added its commit, or there is none to add. */
const NESTED =
  /^(?:warning: adding embedded git repository: (.+)|error: '(.+)\/' does not have a commit checked out)$/gm;

const submodulesOf = async ({ git }: Deps, { sandbox, cwd }: Tree): Promise<readonly string[]> => {
  const args = [
    'config',
    '--file',
    '.gitmodules',
    '--null',
    '--get-regexp',
    '^submodule\\..*\\.path$',
  ] as const;
  const { stdout } = await git(sandbox, { cwd, args, answers: [1] });
  return stdout.split('\0').map((entry) => entry.slice(entry.indexOf('\n') + 1));
};

/** Builds the folder's tree as if it were a working tree of the outer repository, and inserts it in its place. */
const addFilesOf = async (deps: Deps, outer: Tree, path: string): Promise<void> => {
  const { git, newExecId } = deps;
  const { sandbox, env, depth } = outer;
  const cwd = `${outer.cwd}/${path}`;
  const file = `${env.GIT_DIR}/index-${newExecId()}`;
  const inner = { ...env, GIT_WORK_TREE: cwd, GIT_INDEX_FILE: file };
  try {
    await addAll(deps, { sandbox, cwd, env: inner, depth: depth + 1 });
    const { stdout } = await git(sandbox, { cwd, env: inner, args: ['write-tree'] });
    await git(sandbox, { ...outer, args: ['update-index', '--force-remove', '--', path] });
    await git(sandbox, { ...outer, args: ['read-tree', `--prefix=${path}/`, stdout.trim()] });
  } finally {
    await sandbox.files.remove(file);
  }
};
