/**
 * Merges in the hub, without a working tree. The commit depends only on the arguments (author, date and message are
 * given), so a merge recomputed after a crash is the same commit.
 */
import type { MergeOptions, MergeResult } from '@berth/core';
import type { Git } from '../git.ts';
import { assertCommit, assertRef } from '../refs.ts';
import { containsCommit, listingOf } from './read-commits.ts';

/** Author of the server's commits. */
export const COMMITTER = { name: 'Berth', email: 'berth@localhost' } as const;
const MERGE_TIMEOUT_MS = 5 * 60_000;
/** Maximum number reported: nobody resolves more by hand. */
const MAX_CONFLICT_PATHS = 200;
const MAX_CONFLICT_CHARACTERS = 64_000;

export const mergeIn = async (git: Git, gitDir: string, request: MergeOptions): Promise<MergeResult> => {
  const base = assertCommit(request.base);
  const head = assertCommit(request.head);
  const keepAt = assertRef(request.keepAt);
  if (await containsCommit(git, gitDir, base, head)) return { kind: 'nothing' };
  // A few small objects can expand to billions of paths, which a merge would walk and keep in memory.
  await listingOf(git, gitDir, head);
  const merged = await git(
    [
      'merge-tree',
      '--write-tree',
      '-z',
      '--name-only',
      '--messages',
      '--allow-unrelated-histories',
      base,
      head,
    ],
    { gitDir, answers: [1], timeoutMs: MERGE_TIMEOUT_MS },
  );
  if (merged.exitCode === 1) return { kind: 'conflict', paths: conflictPaths(merged.stdout) };
  const tree = assertCommit(merged.stdout.split('\0')[0] ?? '');
  const before = await git(['rev-parse', '--verify', '--end-of-options', `${base}^{tree}`], { gitDir });
  if (before.stdout.trim() === tree) return { kind: 'nothing' };
  const commit = await commitTree(git, gitDir, { tree, parents: [base, head], ...request });
  await git(['update-ref', '--end-of-options', keepAt, commit], { gitDir });
  return { kind: 'merged', commit };
};

export const commitTree = async (
  git: Git,
  gitDir: string,
  spec: { tree: string; parents: readonly string[]; message: string; at: number },
): Promise<string> => {
  const parents = spec.parents.flatMap((parent) => ['-p', parent]);
  const made = await git(['commit-tree', spec.tree, ...parents, '-F', '-'], {
    gitDir,
    input: `${spec.message.replaceAll('\0', '').trimEnd()}\n`,
    env: commitIdentity(COMMITTER, spec.at),
  });
  return assertCommit(made.stdout.trim());
};

/** The environment that fixes author and date of a commit. `at` in milliseconds. */
export const commitIdentity = (
  who: { readonly name: string; readonly email: string },
  at: number,
): Record<string, string> => {
  const date = `@${Math.floor(at / 1000)} +0000`;
  return {
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
    GIT_COMMITTER_DATE: date,
  };
};

/**
 * The conflicting paths, truncated. `merge-tree -z --name-only` prints a tree, the files left in conflict, an empty
 * entry, then messages (count, paths, kind, text). The messages name more than the list does: the old name of a file
 * that one side renamed and the other deleted.
 */
const conflictPaths = (output: string): string[] => {
  const [, ...fields] = output.split('\0');
  const end = fields.indexOf('');
  const paths = new Set(fields.slice(0, end));
  let at = end + 1;
  while (at < fields.length) {
    const count = Number(fields[at]);
    if (!Number.isInteger(count) || fields[at] === '') break;
    const kind = fields[at + 1 + count] ?? '';
    if (kind.startsWith('CONFLICT')) for (const path of fields.slice(at + 1, at + 1 + count)) paths.add(path);
    at += count + 3;
  }
  return told([...paths].sort());
};

const told = (paths: readonly string[]): string[] => {
  let characters = 0;
  return paths.slice(0, MAX_CONFLICT_PATHS).filter(({ length }) => {
    characters += length;
    return characters <= MAX_CONFLICT_CHARACTERS;
  });
};
