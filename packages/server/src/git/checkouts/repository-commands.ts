/** Git status, diff, commit and push of one repository in a sandbox, as the routes `sandbox.git…` offer them. */
import { fail, isBerthError, RepositoryStatus } from '@berth/contract';
import type { Hub } from '@berth/core';
import type { Sandbox } from '@berth/plugin-api';
import { cutDiff, diffPrefixes, PLAIN_DIFF } from '../hub/read-commits.ts';
import { createSandboxGit, folderOf, remoteOf, type SandboxGit } from './sandbox-git.ts';
import { withPrivateIndex } from './working-tree.ts';

export interface RepositoryCommands {
  status(sandbox: Sandbox, repository: string): Promise<RepositoryStatus>;
  /** The working tree against its commit, new files included; truncated with a notice beyond 4 MiB. */
  diff(sandbox: Sandbox, repository: string): Promise<string>;
  /** Commits all changes. Rejects with `request.invalid` when there are none. */
  commit(sandbox: Sandbox, repository: string, message: string): Promise<{ commit: string }>;
  /** Pushes the checked-out branch to the hub. Rejects with `push.refused`. */
  push(
    sandbox: Sandbox,
    repository: string,
    grant: { readonly workspaceId: string; readonly token: string },
  ): Promise<{ ref: string; commit: string }>;
}

const MAX_DIFF_BYTES = 4 * 2 ** 20;

export const createRepositoryCommands = (deps: {
  readonly hub: Pick<Hub, 'resolve'>;
  readonly newExecId: () => string;
}): RepositoryCommands => {
  const git = createSandboxGit(deps.newExecId);

  return {
    status: async (sandbox, repository) => {
      const args = ['status', '--porcelain=v2', '-z', '--branch', '--untracked-files=all'] as const;
      const said = await git(sandbox, { cwd: folderOf(sandbox, repository), args });
      return parseStatus(said.stdout);
    },

    diff: async (sandbox, repository) => {
      const cwd = folderOf(sandbox, repository);
      const from = await headOf(git, sandbox, cwd);
      return withPrivateIndex({ git, ...deps }, { sandbox, cwd, from }, async ({ env }) => {
        const args = ['diff', '--cached', ...PLAIN_DIFF, ...diffPrefixes(), from, '--'] as const;
        const shown = await git(sandbox, { cwd, env, args, maxOutputBytes: MAX_DIFF_BYTES });
        return shown.truncated ? cutDiff(shown.stdout, MAX_DIFF_BYTES) : shown.stdout;
      });
    },

    commit: async (sandbox, repository, message) => {
      const cwd = folderOf(sandbox, repository);
      await git(sandbox, { cwd, args: ['add', '--all', '--', '.'] });
      const same = await git(sandbox, { cwd, args: ['diff', '--cached', '--quiet'], answers: [1] });
      if (same.exitCode === 0) {
        throw fail('request.invalid', {
          issues: [{ path: 'body', message: 'has nothing to commit: no file is changed' }],
        });
      }
      const args = [
        'commit',
        '--quiet',
        '--no-verify',
        '--no-gpg-sign',
        '--cleanup=whitespace',
        '-F',
        '-',
      ] as const;
      await git(sandbox, { cwd, args, stdin: message });
      return { commit: await headOf(git, sandbox, cwd) };
    },

    push: (sandbox, repository, grant) => pushBranch({ git, ...deps }, sandbox, repository, grant),
  };
};

const headOf = async (git: SandboxGit, sandbox: Sandbox, cwd: string): Promise<string> =>
  (await git(sandbox, { cwd, args: ['rev-parse', '--verify', 'HEAD'] })).stdout.trim();

/** A push claimed by the sandbox counts only when the hub has it. */
const pushBranch = async (
  { git, hub }: { readonly git: SandboxGit; readonly hub: Pick<Hub, 'resolve'> },
  sandbox: Sandbox,
  repository: string,
  grant: { readonly workspaceId: string; readonly token: string },
): Promise<{ ref: string; commit: string }> => {
  const cwd = folderOf(sandbox, repository);
  const named = await git(sandbox, { cwd, args: ['symbolic-ref', '--quiet', 'HEAD'], answers: [1] });
  const ref = named.stdout.trim();
  const commit = await headOf(git, sandbox, cwd);
  if (!ref.startsWith('refs/heads/')) throw fail('push.refused', { ref: ref || 'a detached HEAD' });
  const remote = remoteOf(sandbox, grant, repository);
  try {
    await git(sandbox, {
      cwd,
      remote,
      args: ['push', '--quiet', '--no-verify', remote.url, `${ref}:${ref}`],
    });
  } catch (thrown) {
    if (isBerthError(thrown) && thrown.message.includes('rejected]')) {
      throw fail('push.refused', { ref }, { cause: thrown });
    }
    throw thrown;
  }
  if ((await hub.resolve(grant.workspaceId, repository, ref)) !== commit) {
    throw fail('git.failed', { act: 'push', detail: `${ref} did not arrive` });
  }
  return { ref, commit };
};

/** Porcelain version 2 with zero bytes (git-status(1)); a rename is followed by its old path as a field of its own. */
const parseStatus = (output: string): RepositoryStatus => {
  const status: { branch?: string; head?: string; changes: RepositoryStatus['changes'] } = { changes: [] };
  const fields = output.split('\0')[Symbol.iterator]();
  for (const line of fields) {
    const [kind = '', ...words] = line.split(' ');
    const [first = '', second = ''] = words;
    if (kind === '#' && first === 'branch.oid' && second !== '(initial)') status.head = second;
    if (kind === '#' && first === 'branch.head' && second !== '(detached)') status.branch = second;
    if (kind === '2') fields.next();
    const before = WORDS_BEFORE_PATH[kind];
    if (before === undefined) continue;
    const [index = '?', worktree = '?'] = kind === '?' ? '??' : first;
    status.changes.push({ path: words.slice(before).join(' '), index, worktree });
  }
  return RepositoryStatus.parse(status);
};

/** Words between the kind of a line and its path. */
const WORDS_BEFORE_PATH: Readonly<Record<string, number>> = { '1': 7, '2': 8, u: 9, '?': 0 };
