/** The user's own checkout: git is asked, and only remote-tracking refs are written. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { fail } from '@berth/contract';
import type { World } from './world.ts';

const exec = promisify(execFile);
const REMOTE = 'berth';
const MAX_OUTPUT_BYTES = 16 * 2 ** 20;

/** The top folder of the checkout that holds a path. */
export const topOf = async (world: World, folder: string): Promise<string> => {
  const path = resolve(world.cwd, folder);
  const { stdout, problem } = await git({ world, folder: path }, 'rev-parse', '--show-toplevel');
  if (problem !== undefined) throw fail('repository.bad_source', { source: path, reason: problem });
  return stdout.trimEnd();
};

/** The branch that is checked out, or undefined when none is. */
export const branchOf = async (world: World, source: string): Promise<string | undefined> => {
  const { stdout } = await git({ world, folder: source }, 'symbolic-ref', '--quiet', '--short', 'HEAD');
  return stdout.trim() === '' ? undefined : stdout.trim();
};

export interface LandedBranch {
  readonly source: string;
  readonly hubPath: string;
  readonly branch: string;
  readonly base: string;
  readonly merge: string;
}

/** Makes `refs/remotes/berth/<branch>` what landed, through a remote named `berth`. Returns the diff's statistics. */
export const fetchLanded = async (world: World, landed: LandedBranch): Promise<string> => {
  const { source, hubPath, branch, base, merge } = landed;
  const at = { world, folder: source };
  const known = await git(at, 'remote', 'get-url', '--', REMOTE);
  if (known.problem !== undefined) await must(at, 'remote', 'add', '--', REMOTE, hubPath);
  else if (known.stdout.trim() !== hubPath) await must(at, 'remote', 'set-url', '--', REMOTE, hubPath);
  const refspec = `+refs/heads/${branch}:refs/remotes/${REMOTE}/${branch}`;
  await must(at, 'fetch', '--quiet', '--no-tags', '--end-of-options', REMOTE, refspec);
  return must(at, 'diff', '--stat', '--end-of-options', base, merge);
};

interface At {
  readonly world: World;
  readonly folder: string;
}

interface Said {
  readonly stdout: string;
  readonly problem?: string;
}

const git = async ({ world, folder }: At, ...args: readonly string[]): Promise<Said> => {
  try {
    const options = { maxBuffer: MAX_OUTPUT_BYTES, env: { ...world.env, LC_ALL: 'C' } };
    const { stdout } = await exec('git', ['-C', folder, ...args], options);
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
