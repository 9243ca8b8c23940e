/** The user's own checkout: git is asked, and only remote-tracking refs are written. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { fail } from '@berth/contract';
import type { CommandIo } from './screen.ts';

const REMOTES = ['berth', 'berth-server'] as const;
/** Where a server keeps its copies. */
const HUB_PATH = /\/ws_[a-z0-9]+\/[^/]+\.git$/;
/** Variables that would have git look elsewhere: set when it is git that runs us, as an alias or from a hook. */
const ELSEWHERE = /^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|COMMON_DIR|OBJECT_DIRECTORY|NAMESPACE)$/;
const MOST_TRIES = 5;
const TRY_AGAIN_MS = 100;
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;

/** The top folder of the checkout that holds a path; of a bare repository, itself. */
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

/** What in the checkout the task will not see, in sentences. */
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
    ...(count > 0
      ? [`the task begins at the last commit: ${count} uncommitted files here are not in it`]
      : []),
    ...(isApart
      ? [
          `${branch} here and what landed on it before (${remote}/${branch}) went different ways, and the task goes on from what landed: \`git merge ${remote}/${branch}\` brings them together`,
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
  /** The command that takes what landed over. */
  readonly next: string;
}

/** Makes `refs/remotes/berth/<branch>` what landed, through a remote named `berth`; no branch is moved. */
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

/** Another run may have added the same one meanwhile. */
const addRemote = (at: At, remote: string, hubPath: string): Promise<void> =>
  besideOthers(async () => {
    const added = await git(at, 'remote', 'add', '--', remote, hubPath);
    if (added.problem === undefined) return;
    const known = await git(at, 'remote', 'get-url', '--', remote);
    if (known.stdout.trim() !== hubPath)
      throw fail('repository.unreachable', { source: at.folder, reason: added.problem });
  });

/** Git refuses what another git is writing at the moment (the configuration, a ref); that one is soon done. */
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

/** A branch that has gone on by itself cannot be fast-forwarded; one that is not checked out is moved by a fetch. */
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

/** Ours, or the next name when somebody has one like it for another purpose. */
const remoteOf = async (at: At, hubPath: string | undefined): Promise<string> => {
  for (const name of REMOTES) {
    const { stdout, problem } = await git(at, 'remote', 'get-url', '--', name);
    const url = stdout.trim();
    if (problem !== undefined || url === hubPath || HUB_PATH.test(url)) return name;
  }
  throw fail('repository.bad_source', {
    source: at.folder,
    reason: `it has remotes of other origin named ${REMOTES.join(' and ')}. Rename one of them (git remote rename).`,
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
