/**
 * The working tree as git would commit it, without touching the agent's own index: an index of our own beside it,
 * filled from the head and then with everything that is there, ignored files excepted.
 */
import type { Sandbox } from '@berth/plugin-api';
import type { SandboxGit } from './sandbox-git.ts';

export interface PrivateIndex {
  /** For the environment of git commands. */
  readonly env: { readonly GIT_INDEX_FILE: string };
}

export const withPrivateIndex = async <T>(
  deps: { readonly git: SandboxGit; readonly newExecId: () => string },
  where: { readonly sandbox: Sandbox; readonly cwd: string; readonly from: string },
  use: (index: PrivateIndex) => Promise<T>,
): Promise<T> => {
  const { sandbox, cwd, from } = where;
  const file = `${cwd}/.git/berth-index-${deps.newExecId()}`;
  const env = { GIT_INDEX_FILE: file };
  try {
    await deps.git(sandbox, { cwd, env, args: ['read-tree', from] });
    // A file that cannot be read keeps its old state; the exit code 1 says that there was one.
    await deps.git(sandbox, { cwd, env, args: ['add', '--all', '--ignore-errors', '--', '.'], answers: [1] });
    return await use({ env });
  } finally {
    await sandbox.files.remove(file);
  }
};
