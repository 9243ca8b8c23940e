/**
 * Repositories inside a sandbox, through git commands run there; the server's own git never opens those folders. The
 * sandbox's answers are only claims: a saved turn counts when the hub has it.
 */
import { fail } from '@berth/contract';
import type { CheckoutRequest, CheckoutStep, Checkouts, Hub, SaveTurnRequest } from '@berth/core';
import type { Sandbox } from '@berth/plugin-api';
import { commitIdentity } from '../hub/merge.ts';
import { assertCommit, assertRef } from '../refs.ts';
import { resolvedMerge } from './open-merge.ts';
import { createSandboxGit, folderOf, remoteOf, type SandboxGit } from './sandbox-git.ts';
import { withPrivateIndex } from './working-tree.ts';

export interface CheckoutOptions {
  readonly hub: Pick<Hub, 'resolve'>;
  readonly newExecId: () => string;
}

/** Author of commits made in a sandbox. */
const AGENT = { name: 'Berth agent', email: 'agent@berth.localhost' } as const;
/** Where a checkout records its base commit. It is complete when its head is on the branch. */
const BASE_REF = 'refs/berth/base';
const UNFINISHED = 'berth/unfinished';
/** The hub ref through which the commit was reached, at that time. */
const FROM_REF = 'refs/berth/from';
const DRAFT_PREFIX = '.berth-checkout-';
const BRANCHES = '+refs/heads/*:refs/remotes/origin/*';
const MAX_EXCLUDED = 2000;
const REMOVED_AT_ONCE = 200;
const REMOVAL_TAIL_CHARACTERS = 500;
/** Ignored by the repository itself; earlier exclusions of ours are listed again, so that the list is complete. */
const OWN_IGNORES = '--exclude-per-directory=.gitignore';

export const createCheckouts = ({ hub, newExecId }: CheckoutOptions): Checkouts => {
  /**
   * A git process of an earlier try, started by a crashed server, may still be running: two would collide on locks.
   */
  const begin = async (sandbox: Sandbox, { key, signal }: CheckoutStep): Promise<Deps> => {
    const idPrefix = `${key.replaceAll('/', '.')}.git.`;
    await sandbox.endCommands(idPrefix);
    return { git: createSandboxGit(() => `${idPrefix}${newExecId()}`, signal), newExecId, hub };
  };
  return {
    clone: async (sandbox, checkout) => {
      const deps = await begin(sandbox, checkout);
      await sandbox.files.makeFolder(sandbox.root);
      for (const { name } of await sandbox.files.list(sandbox.root)) {
        if (name.startsWith(DRAFT_PREFIX)) await sandbox.files.remove(`${sandbox.root}/${name}`);
      }
      for (const part of checkout.repositories) await cloneOne(deps, sandbox, checkout, part);
    },
    settle: async (sandbox, request) => {
      const { git } = await begin(sandbox, request);
      for (const name of request.repositories) {
        const folder = folderOf(sandbox, name);
        await git(sandbox, { cwd: folder, args: ['reset', '--hard', '--quiet'] });
        await excludeLeftovers(git, sandbox, folder);
      }
    },
    listUntracked: async (sandbox, request) => {
      const { git } = await begin(sandbox, request);
      const found: Record<string, readonly string[]> = {};
      for (const name of request.repositories) {
        const args = ['ls-files', '-z', '--others', '--directory'] as const;
        const listed = await git(sandbox, { cwd: folderOf(sandbox, name), args });
        if (listed.truncated)
          throw fail('git.failed', {
            act: 'ls-files',
            detail: `too many files in ${name} are not of its commit`,
          });
        found[name] = listed.stdout.split('\0').filter((path) => path !== '');
      }
      return found;
    },
    removeUntracked: async (sandbox, { key, paths, signal }) => {
      for (const [name, all] of Object.entries(paths)) {
        for (let at = 0; at < all.length; at += REMOVED_AT_ONCE) {
          const argv = [
            'rm',
            '-rf',
            '--',
            ...all.slice(at, at + REMOVED_AT_ONCE).map((path) => `./${path}`),
          ] as const;
          const id = `${key.replaceAll('/', '.')}.rm.${newExecId()}`;
          const ended = await sandbox.run({ id, argv, cwd: folderOf(sandbox, name), system: true }, signal);
          if (ended.exitCode !== 0)
            throw fail('git.failed', { act: 'clean', detail: ended.stderr.slice(-REMOVAL_TAIL_CHARACTERS) });
        }
      }
    },
    fetch: async (sandbox, request) => {
      const { git } = await begin(sandbox, request);
      for (const name of request.repositories) {
        const remote = remoteOf(sandbox, request, name);
        await git(sandbox, {
          cwd: folderOf(sandbox, name),
          remote,
          args: ['fetch', '--quiet', '--prune', '--no-recurse-submodules', remote.url, BRANCHES],
        });
        const saved = request.saved?.[name];
        if (saved !== undefined) {
          const args = ['reset', '--quiet', '--mixed', assertCommit(saved), '--'] as const;
          await git(sandbox, { cwd: folderOf(sandbox, name), args });
        }
      }
    },
    saveTurn: async (sandbox, turn) => {
      const deps = await begin(sandbox, turn);
      const saved: Record<string, string> = {};
      for (const name of turn.repositories) saved[name] = await saveOne(deps, sandbox, turn, name);
      return saved;
    },
  };
};

interface Deps {
  readonly git: SandboxGit;
  readonly newExecId: () => string;
  readonly hub: Pick<Hub, 'resolve'>;
}

type Part = CheckoutRequest['repositories'][number];

const cloneOne = async (
  { git, newExecId }: Deps,
  sandbox: Sandbox,
  checkout: CheckoutRequest,
  part: Part,
): Promise<void> => {
  const folder = folderOf(sandbox, part.name);
  const remote = remoteOf(sandbox, checkout, part.name);
  const base = await gitLine(git, sandbox, folder, ['rev-parse', '--verify', '--quiet', BASE_REF]);
  const head = await gitLine(git, sandbox, folder, ['symbolic-ref', '--quiet', 'HEAD']);
  if (base === part.commit && head === `refs/heads/${part.branch}`) return;
  const draft = `${sandbox.root}/${DRAFT_PREFIX}${newExecId()}`;
  await git(sandbox, {
    cwd: sandbox.root,
    args: ['init', '--quiet', '--template=', `--initial-branch=${UNFINISHED}`, draft],
  });
  await configure(git, sandbox, draft, remote.url);
  // The hub serves refs, not ids.
  const from = `+${assertRef(part.from ?? `refs/heads/${part.branch}`)}:${FROM_REF}`;
  await git(sandbox, {
    cwd: draft,
    remote,
    args: ['fetch', '--quiet', '--no-recurse-submodules', remote.url, BRANCHES, from],
  });
  await git(sandbox, { cwd: draft, args: ['update-ref', BASE_REF, assertCommit(part.commit)] });
  // A layer contains only untracked files: they stay, and everything tracked is checked out here.
  await sandbox.files.makeFolder(folder);
  await sandbox.files.remove(`${folder}/.git`);
  await sandbox.files.rename(`${draft}/.git`, `${folder}/.git`);
  await sandbox.files.remove(draft);
  await git(sandbox, {
    cwd: folder,
    args: ['checkout', '--quiet', '--force', '--no-track', '-B', part.branch, part.commit, '--'],
  });
  await excludeLeftovers(git, sandbox, folder);
};

const configure = async (git: SandboxGit, sandbox: Sandbox, cwd: string, url: string): Promise<void> => {
  const settings = {
    'user.name': AGENT.name,
    'user.email': AGENT.email,
    'remote.origin.url': url,
    'remote.origin.fetch': BRANCHES,
  };
  for (const [key, value] of Object.entries(settings)) {
    await git(sandbox, { cwd, args: ['config', '--local', '--replace-all', key, value] });
  }
};

/**
 * Files left by the set-up that git does not ignore are not the agent's work: they stay, but are not committed with
 * the first turn.
 */
const excludeLeftovers = async (git: SandboxGit, sandbox: Sandbox, cwd: string): Promise<void> => {
  const listed = await git(sandbox, {
    cwd,
    args: ['ls-files', '-z', '--others', OWN_IGNORES, '--directory', '--no-empty-directory'],
  });
  const names = listed.stdout.split('\0').filter((name) => name !== '' && !name.includes('\n'));
  if (names.length === 0) return;
  const patterns = names.slice(0, MAX_EXCLUDED).map((name) => `/${name.replace(/[\\*?[\] ]/g, '\\$&')}\n`);
  await sandbox.files.write(`${cwd}/.git/info/exclude`, Buffer.from(patterns.join('')));
};

const saveOne = async (
  deps: Deps,
  sandbox: Sandbox,
  turn: SaveTurnRequest,
  name: string,
): Promise<string> => {
  const { git } = deps;
  const cwd = folderOf(sandbox, name);
  const previous = turn.previous[name];
  const head = await gitLine(git, sandbox, cwd, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
  const from = head ?? previous;
  if (from === undefined) throw fail('git.failed', { act: 'rev-parse', detail: 'there is no commit' });
  const commit = await withPrivateIndex(deps, { sandbox, cwd, from }, async ({ env }) => {
    const tree = (await git(sandbox, { cwd, env, args: ['write-tree'] })).stdout.trim();
    const merged = await resolvedMerge(git, { sandbox, cwd }, { head: from, tree });
    const parents = await parentsOf(git, { sandbox, cwd }, [previous, head, merged]);
    const made = await commitOf(git, { sandbox, cwd }, { tree, parents, turn });
    const remote = remoteOf(sandbox, turn, name);
    const refs = [turn.turnRef, turn.branchRef].map((ref) => `+${made}:${assertRef(ref)}`);
    await git(sandbox, { cwd, env, remote, args: ['push', '--quiet', '--no-verify', remote.url, ...refs] });
    return made;
  });
  if ((await deps.hub.resolve(turn.workspaceId, name, turn.turnRef)) !== commit) {
    throw fail('git.failed', { act: 'push', detail: `${turn.turnRef} did not arrive` });
  }
  return commit;
};

interface Place {
  readonly sandbox: Sandbox;
  readonly cwd: string;
}

/** The given commits, except ancestors of others: neither a saved turn nor the agent's own commits are lost. */
const parentsOf = async (
  git: SandboxGit,
  { sandbox, cwd }: Place,
  given: readonly (string | undefined)[],
): Promise<readonly string[]> => {
  const commits = [...new Set(given.filter((commit) => commit !== undefined))];
  const isContained = async (ancestor: string): Promise<boolean> => {
    for (const descendant of commits) {
      const args = ['merge-base', '--is-ancestor', ancestor, descendant] as const;
      if (ancestor !== descendant && (await git(sandbox, { cwd, args, answers: [1] })).exitCode === 0)
        return true;
    }
    return false;
  };
  const parents: string[] = [];
  for (const commit of commits) if (!(await isContained(commit))) parents.push(commit);
  return parents;
};

const commitOf = async (
  git: SandboxGit,
  { sandbox, cwd }: Place,
  spec: { tree: string; parents: readonly string[]; turn: SaveTurnRequest },
): Promise<string> => {
  const tree = assertCommit(spec.tree);
  const [first] = spec.parents;
  if (first !== undefined && spec.parents.length === 1) {
    const args = ['rev-parse', '--verify', `${assertCommit(first)}^{tree}`] as const;
    if ((await git(sandbox, { cwd, args })).stdout.trim() === tree) return first;
  }
  const made = await git(sandbox, {
    cwd,
    args: ['commit-tree', tree, ...spec.parents.flatMap((parent) => ['-p', parent]), '-F', '-'],
    stdin: `${spec.turn.message.replaceAll('\0', '').trimEnd()}\n`,
    env: commitIdentity(AGENT, spec.turn.at),
  });
  return assertCommit(made.stdout.trim());
};

/** One line of git output for the repository of exactly this folder; undefined when it is empty. */
const gitLine = async (
  git: SandboxGit,
  sandbox: Sandbox,
  folder: string,
  args: readonly [string, ...string[]],
): Promise<string | undefined> => {
  const said = await git(sandbox, {
    cwd: sandbox.root,
    args: [`--git-dir=${folder}/.git`, ...args],
    answers: [1, 128],
  });
  const line = said.stdout.trim();
  return said.exitCode === 0 && line !== '' ? line : undefined;
};
