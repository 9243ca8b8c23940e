/**
 * Copies a repository into the hub: branches and tags, as the source has committed them; uncommitted files in a
 * source's working tree are ignored. Built in a temporary folder and renamed, so that a repository in the hub is
 * complete or absent. Objects are fetched, never linked: the owner of the source cannot change ours.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fail, isBerthError } from '@berth/contract';
import type { Git } from '../git.ts';
import type { Source } from './source.ts';
import { isNoSource, whyUnreachable } from './unreachable.ts';

const ASK_TIMEOUT_MS = 60_000;
const FETCH_TIMEOUT_MS = 30 * 60_000;
const MAX_NAMED = 5;
/** Prefix of task branches; a source's branch of exactly this name would keep git from creating them. */
const RESERVED = 'task';
const RENAME = 'Rename it (`git branch -m task …`), or choose another one.';
const ORIGIN_KEY = 'remote.origin.url';

export interface ImportRequest {
  readonly final: string;
  readonly source: Source;
  readonly branch: string | undefined;
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** Creates its parent folder. */
  readonly begin: () => Promise<void>;
}

/**
 * Creates the bare repository `final` from the source and returns its target branch: the requested one, or the
 * source's default. Leftovers of an interrupted import are removed. Rejects with `repository.*`, `branch.missing`.
 */
export const importInto = async (git: Git, request: ImportRequest): Promise<string> => {
  const { final, source, name } = request;
  await assertFolder(source);
  const branch = await targetBranch(git, request);
  const parent = path.dirname(final);
  const prefix = `.importing-${name}-`;
  await request.begin();
  for (const left of await readdir(parent)) {
    if (left.startsWith(prefix)) await rm(path.join(parent, left), { recursive: true, force: true });
  }
  const draft = path.join(parent, `${prefix}${randomBytes(6).toString('hex')}`);
  try {
    await git(['init', '--quiet', '--bare', '--template=', `--initial-branch=${branch}`, draft]);
    await fetchAll(git, draft, request);
    await git(['config', ORIGIN_KEY, source.address], { gitDir: draft });
    await rename(draft, final);
  } catch (thrown) {
    await rm(draft, { recursive: true, force: true });
    throw thrown;
  }
  return branch;
};

/** Where a repository of the hub came from. */
export const originOf = async (git: Git, gitDir: string): Promise<string> =>
  (await git(['config', '--get', ORIGIN_KEY], { gitDir })).stdout.trimEnd();

/** The branch to work on, queried from the source before anything is copied. */
export const targetBranch = async (
  git: Git,
  request: Omit<ImportRequest, 'final' | 'begin'>,
): Promise<string> => {
  const { source, branch, name, signal } = request;
  const listed = await reach(source, () =>
    git(['ls-remote', '--quiet', '--symref', '--', source.address, 'HEAD', 'refs/heads/*'], {
      as: 'user',
      timeoutMs: ASK_TIMEOUT_MS,
      signal,
    }),
  );
  const refuse = (reason: string) => fail('repository.bad_source', { source: source.address, reason });
  const lines = listed.stdout.split('\n');
  const branches = lines.flatMap((line) => /^[^\t]*\trefs\/heads\/(.+)$/.exec(line)?.[1] ?? []);
  if (lines.some((line) => SHA_256.test(line)))
    throw refuse('it uses SHA-256 object ids; only SHA-1 repositories can be imported.');
  if (branches.length === 0) throw refuse('it has no branch with commits.');
  const head = lines.flatMap((line) => /^ref: refs\/heads\/(.+)\tHEAD$/.exec(line)?.[1] ?? [])[0];
  const chosen = branch ?? head ?? usualOf(branches);
  if (chosen === undefined) {
    const some = branches.slice(0, MAX_NAMED).join(', ');
    throw refuse(`no branch is checked out there; choose the one (${some}) that work lands on.`);
  }
  if (!branches.includes(chosen)) throw fail('branch.missing', { repository: name, branch: chosen });
  if (chosen === RESERVED) {
    throw refuse(`git cannot create branches task/… next to a branch named task. ${RENAME}`);
  }
  return chosen;
};

/** An object id, as listed by the source. */
const SHA_256 = /^[0-9a-f]{64}\t/;

const usualOf = (branches: readonly string[]): string | undefined =>
  ['main', 'master'].find((usual) => branches.includes(usual)) ??
  (branches.length === 1 ? branches[0] : undefined);

const fetchAll = (git: Git, gitDir: string, { source, signal }: ImportRequest) =>
  reach(source, () =>
    git(
      [
        'fetch',
        '--quiet',
        '--no-write-fetch-head',
        '--update-shallow',
        '--',
        source.address,
        '+refs/heads/*:refs/heads/*',
        '+refs/tags/*:refs/tags/*',
        `^refs/heads/${RESERVED}`,
      ],
      { gitDir, as: 'user', timeoutMs: FETCH_TIMEOUT_MS, signal },
    ),
  );

const assertFolder = async (source: Source): Promise<void> => {
  if (source.kind === 'url') return;
  const found = await stat(source.address).catch(() => undefined);
  if (found?.isDirectory()) return;
  throw fail('repository.bad_source', { source: source.address, reason: 'the folder does not exist.' });
};

/** Explains why git could not read a source. */
const reach = async <T>(source: Source, act: () => Promise<T>): Promise<T> => {
  try {
    return await act();
  } catch (thrown) {
    if (!isBerthError(thrown) || (thrown.code !== 'git.failed' && thrown.code !== 'git.timeout'))
      throw thrown;
    const code = isNoSource(source, thrown.message) ? 'repository.bad_source' : 'repository.unreachable';
    const reason = whyUnreachable(source, thrown.message);
    throw fail(code, { source: source.address, reason }, { cause: thrown });
  }
};
