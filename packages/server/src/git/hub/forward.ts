/**
 * Fast-forwards the hub's copy of a target branch to its source. A source that is unreachable, broken or diverged
 * changes nothing; why the copy may be behind, and since when, is reported to work that starts on it.
 */
import { stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isBerthError } from '@berth/contract';
import type { StaleCopy } from '@berth/core';
import { ifMissing } from '../../system/if-missing.ts';
import type { Git } from '../git.ts';
import { assertCommit, assertRef } from '../refs.ts';
import { COMMITTER } from './merge.ts';
import { containsCommit } from './read-commits.ts';
import type { Looked } from './refreshes.ts';
import { parseSource, type Source } from './source.ts';
import { whyUnreachable } from './unreachable.ts';

interface Tracked {
  readonly source: string;
  readonly branch: string;
}

const FETCH_TIMEOUT_MS = 60_000;
const ASK_TIMEOUT_MS = 20_000;
/** How much history of one side is searched. */
const MAX_COMMITS = 1000;
const MAX_REASON_LENGTH = 400;

/** Rejects only for local problems, such as a full disk. */
export const forward = async (git: Git, gitDir: string, tracked: Tracked): Promise<Looked> => {
  const source = parseSource(tracked.source);
  try {
    const reason = await forwardOrWhyNot(git, gitDir, { ...tracked, source });
    if (reason === undefined) await markCurrent(gitDir);
    return { answered: true, reason };
  } catch (thrown) {
    if (!isBerthError(thrown) || !SOURCE_FAILURES.includes(thrown.code)) throw thrown;
    const said = whyUnreachable(source, thrown.message).replace(/\s+/g, ' ');
    return { answered: thrown.code !== 'git.timeout', reason: said.slice(0, MAX_REASON_LENGTH) };
  }
};

/** Git usually fails because of the source; a full local disk is a different error. */
const SOURCE_FAILURES: readonly string[] = ['git.failed', 'git.timeout', 'git.too_costly', 'git.killed'];

/** Of the target, since it may be behind its source. */
export const staleCopy = async (gitDir: string, reason: string): Promise<StaleCopy> => ({
  reason,
  currentAt: await currentAt(gitDir),
});

/** Touched whenever the copy matched its source. */
const CURRENT = 'berth-current';

const markCurrent = async (gitDir: string): Promise<void> => {
  const file = path.join(gitDir, CURRENT);
  const now = new Date();
  if ((await utimes(file, now, now).then(() => true, ifMissing(false))) === false) await writeFile(file, '');
};

/** A copy that was never refreshed dates from its import, after which HEAD is not written. */
const currentAt = async (gitDir: string): Promise<number> => {
  const marked = await stat(path.join(gitDir, CURRENT)).catch(ifMissing(false));
  return (marked === false ? await stat(path.join(gitDir, 'HEAD')) : marked).mtimeMs;
};

type Read = Omit<Tracked, 'source'> & { readonly source: Source };

const forwardOrWhyNot = async (
  git: Git,
  gitDir: string,
  { source, branch }: Read,
): Promise<string | undefined> => {
  const ref = assertRef(`refs/heads/${branch}`);
  const from = ['--', source.address];
  const asUser = { gitDir, as: 'user' } as const;
  try {
    const args = ['fetch', '--no-progress', '--no-tags', '--no-write-fetch-head'] as const;
    await git([...args, ...from, `${ref}:${ref}`], { ...asUser, timeoutMs: FETCH_TIMEOUT_MS });
    return undefined;
  } catch (thrown) {
    if (!isBerthError(thrown) || !REJECTED.test(thrown.message)) throw thrown;
    const asked = await git(['ls-remote', '--quiet', ...from, ref], { ...asUser, timeoutMs: ASK_TIMEOUT_MS });
    const theirs = asked.stdout.split('\n').find((line) => line.endsWith(`\t${ref}`));
    if (theirs === undefined) throw thrown;
    const [ours, there] = [await tipOf(git, gitDir, ref), assertCommit(theirs.slice(0, COMMIT_LENGTH))];
    // Landed work has not reached the source yet: normal.
    if (await containsCommit(git, gitDir, ours, there)) return undefined;
    return (await wasRewritten(git, gitDir, { ours, theirs: there }))
      ? `${branch} was rewritten there, and the copy here keeps the old history: remove the workspace and add the repository again to use the new one`
      : `${branch} has commits there that are missing from the landed work here: merge the landed work there, and syncing resumes`;
  }
};

const COMMIT_LENGTH = 40;
const REJECTED = /\[rejected\].*\(non-fast-forward\)/;

const tipOf = async (git: Git, gitDir: string, ref: string): Promise<string> =>
  assertCommit((await git(['rev-parse', '--verify', '--end-of-options', ref], { gitDir })).stdout.trim());

/** Commits only we have come from landings, or were once theirs. */
const wasRewritten = async (
  git: Git,
  gitDir: string,
  { ours, theirs }: { readonly ours: string; readonly theirs: string },
): Promise<boolean> => {
  const only = ['--first-parent', '--format=%ce', `--max-count=${MAX_COMMITS}`, `^${theirs}`, ours];
  const { stdout } = await git(['log', ...only, '--'], { gitDir });
  return stdout.split('\n').some((email) => email !== '' && email !== COMMITTER.email);
};
