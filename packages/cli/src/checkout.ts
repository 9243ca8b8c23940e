/** The user's own checkout: git only reads it, and only remote-tracking refs are written. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { fail } from '@berth/contract';
import type { CommandIo } from './screen.ts';

const REMOTES = ['berth', 'berth-server'] as const;
/** Where a server keeps its copies. */
const HUB_PATH = /\/ws_[a-z0-9]+\/[^/]+\.git$/;
/** Variables that point git elsewhere: set when git runs this program, as an alias or from a hook. */
const ELSEWHERE = /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE)$/;
const MOST_TRIES = 5;
const TRY_AGAIN_MS = 100;
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;

/** The top folder of the checkout that contains a path; for a bare repository, the repository itself. */
export const topOf = async (world: CommandIo, folder: string): Promise<string> => {
  const path = resolve(world.cwd, folder);
  const at = { world, folder: path };
  const top = await git(at, 'rev-parse', '--show-toplevel');
  if (top.problem === undefined) return top.stdout.trimEnd();
  const bare = await git(at, 'rev-parse', '--is-bare-repository', '--absolute-git-dir');
  const [isBare, gitDir] = bare.stdout.split('\n');
  if (isBare === 'true' && gitDir !== undefined) return gitDir;
  throw fail('repository.bad_source', { source: path, reason: top.problem });
};

/** The branch that is checked out, or undefined when none is. */
export const branchOf = async (world: CommandIo, source: string): Promise<string | undefined> => {
  const { stdout } = await git({ world, folder: source }, 'symbolic-ref', '--quiet', '--short', 'HEAD');
  return stdout.trim() === '' ? undefined : stdout.trim();
};

export interface Target {
  readonly source: string;
  readonly branch: string;
  readonly hubPath: string | undefined;
}

/** What in the checkout the task will not see, as sentences. */
export const unseenIn = async (world: CommandIo, target: Target): Promise<readonly string[]> => {
  const { source, branch } = target;
  const at = { world, folder: source };
  const changed = (await git(at, 'status', '--porcelain', '--ignore-submodules=dirty')).stdout.trimEnd();
  const count = changed === '' ? 0 : changed.split('\n').length;
  const remote = await remoteOf(at, target.hubPath);
  const landed = `refs/remotes/${remote}/${branch}`;
  const [ours, theirs] = [await commitOf(at, `refs/heads/${branch}`), await commitOf(at, landed)];
  const isApart =
    ours !== undefined &&
    theirs !== undefined &&
    !(await contains(at, ours, theirs)) &&
    !(await contains(at, theirs, ours));
  return [
    ...(count > 0 ? [`the task starts from the last commit, without ${count} uncommitted files`] : []),
    ...(isApart
      ? [
          `${branch} here and the landed work (${remote}/${branch}) have diverged; the task continues from the landed work: \`git merge ${remote}/${branch}\` merges them`,
        ]
      : []),
  ];
};

export interface LandedBranch {
  readonly source: string;
  readonly hubPath: string;
  readonly branch: string;
  readonly base: string;
  readonly merge: string;
}

export interface Home {
  /** The diff's statistics. */
  readonly stat: string;
  /** The command that merges the landed work. */
  readonly next: string;
}

/** Fetches landed work to `refs/remotes/berth/<branch>`, through a remote named `berth`; no branch is moved. */
export const fetchLanded = async (world: CommandIo, landed: LandedBranch): Promise<Home> => {
  const { source, hubPath, branch, base, merge } = landed;
  const at = { world, folder: source };
  const remote = await remoteOf(at, hubPath);
  const known = await git(at, 'remote', 'get-url', '--', remote);
  if (known.problem !== undefined) await addRemote(at, remote, hubPath);
  else if (known.stdout.trim() !== hubPath) await must(at, 'remote', 'set-url', '--', remote, hubPath);
  const refspec = `+refs/heads/${branch}:refs/remotes/${remote}/${branch}`;
  const fetch = ['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--end-of-options'];
  await besideOthers(() => must(at, ...fetch, remote, refspec));
  const stat = await must(at, 'diff', '--stat', '--end-of-options', base, merge);
  return { stat, next: await nextStep(at, branch, `${remote}/${branch}`, merge) };
};

/** Another run may have added the same remote meanwhile. */
const addRemote = (at: At, remote: string, hubPath: string): Promise<void> =>
  besideOthers(async () => {
    const added = await git(at, 'remote', 'add', '--', remote, hubPath);
    if (added.problem === undefined) return;
    const known = await git(at, 'remote', 'get-url', '--', remote);
    if (known.stdout.trim() !== hubPath)
      throw fail('repository.unreachable', { source: at.folder, reason: added.problem });
  });

/** Git refuses while another git writes the same file (the configuration, a ref), which is soon over. */
const besideOthers = async <T>(act: () => Promise<T>): Promise<T> => {
  for (let tries = MOST_TRIES; ; tries -= 1) {
    try {
      return await act();
    } catch (error) {
      if (tries <= 1 || !/\block\b/.test(String(error))) throw error;
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
};

/** A diverged branch cannot be fast-forwarded; one that is not checked out is updated by a fetch. */
const nextStep = async (
  at: At,
  ...[branch, landed, merge]: readonly [string, string, string]
): Promise<string> => {
  const ours = await commitOf(at, `refs/heads/${branch}`);
  const isBehind = ours === undefined || (await contains(at, merge, ours));
  const isCheckedOut = (await branchOf(at.world, at.folder)) === branch && !(await isBareAt(at));
  if (isCheckedOut) return isBehind ? `git merge --ff-only ${landed}` : `git merge ${landed}`;
  if (isBehind) return `git fetch . refs/remotes/${landed}:refs/heads/${branch}`;
  return `git switch ${branch} && git merge ${landed}`;
};

/** Berth's remote, or the next name when the user has one by that name for another purpose. */
const remoteOf = async (at: At, hubPath: string | undefined): Promise<string> => {
  for (const name of REMOTES) {
    const { stdout, problem } = await git(at, 'remote', 'get-url', '--', name);
    const url = stdout.trim();
    if (problem !== undefined || url === hubPath || HUB_PATH.test(url)) return name;
  }
  throw fail('repository.bad_source', {
    source: at.folder,
    reason: `it has other remotes named ${REMOTES.join(' and ')}. Rename one of them (git remote rename).`,
  });
};

const commitOf = async (at: At, ref: string): Promise<string | undefined> => {
  const { stdout } = await git(at, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`);
  return stdout.trim() === '' ? undefined : stdout.trim();
};

const contains = async (at: At, descendant: string, ancestor: string): Promise<boolean> =>
  (await git(at, 'merge-base', '--is-ancestor', ancestor, descendant)).problem === undefined;

const isBareAt = async (at: At): Promise<boolean> =>
  (await git(at, 'rev-parse', '--is-bare-repository')).stdout.trim() === 'true';

interface At {
  readonly world: CommandIo;
  readonly folder: string;
}

interface Said {
  readonly stdout: string;
  readonly problem?: string;
}

const git = async ({ world, folder }: At, ...args: readonly string[]): Promise<Said> => {
  try {
    const here = Object.entries(world.env).filter(([name]) => !ELSEWHERE.test(name));
    const options = { maxBuffer: MAX_OUTPUT_BYTES, env: { ...Object.fromEntries(here), LC_ALL: 'C' } };
    const { stdout } = await promisify(execFile)('git', ['-C', folder, ...args], options);
    return { stdout };
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return { stdout: '', problem: said || String(error) };
  }
};

const must = async (at: At, ...args: readonly string[]): Promise<string> => {
  const { stdout, problem } = await git(at, ...args);
  if (problem !== undefined) throw fail('repository.unreachable', { source: at.folder, reason: problem });
  return stdout;
};
