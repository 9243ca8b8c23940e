/** Composes a commit from the files of two others, with its own index and without a working tree. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ComposeRequest } from '@berth/core';
import type { Git } from '../git.ts';
import { assertCommit, assertRef } from '../refs.ts';
import { commitTree } from './merge.ts';
import { listingOf } from './read-commits.ts';

const ABSENT = '0'.repeat(40);

export const composeIn = async (git: Git, gitDir: string, request: ComposeRequest): Promise<string> => {
  const commit = assertCommit(request.commit);
  const keepAt = assertRef(request.keepAt);
  const lines = [
    ...(await linesFrom(git, gitDir, request)),
    ...(await linesOfTexts(git, gitDir, { commit, texts: request.texts })),
  ];
  // Named after its purpose: one left by a crash is reused by the repetition.
  const index = join(gitDir, `berth-index-${createHash('sha256').update(keepAt).digest('hex').slice(0, 32)}`);
  const clear = async (): Promise<void> => {
    await rm(index, { force: true });
    await rm(`${index}.lock`, { force: true });
  };
  await clear();
  try {
    const env = { GIT_INDEX_FILE: index };
    await git(['read-tree', commit], { gitDir, env });
    await git(['update-index', '-z', '--index-info'], { gitDir, env, input: lines.join('') });
    const tree = assertCommit((await git(['write-tree'], { gitDir, env })).stdout.trim());
    const made = await commitTree(git, gitDir, { ...request, tree, parents: [commit] });
    await git(['update-ref', '--end-of-options', keepAt, made], { gitDir });
    return made;
  } finally {
    await clear();
  }
};

/** Removals first, so that a folder can replace a file. */
const linesFrom = async (git: Git, gitDir: string, { from, paths }: ComposeRequest): Promise<string[]> => {
  if (paths.length === 0) return [];
  const entries = await entriesOf(git, gitDir, from);
  const there = paths.flatMap((path) => {
    const entry = entries.get(path);
    return entry === undefined ? [] : [`${entry}\t${path}\0`];
  });
  return [...paths.map((path) => `0 ${ABSENT}\t${path}\0`), ...there];
};

const linesOfTexts = async (
  git: Git,
  gitDir: string,
  { commit, texts }: { readonly commit: string; readonly texts: Readonly<Record<string, string>> },
): Promise<string[]> => {
  if (Object.keys(texts).length === 0) return [];
  const entries = await entriesOf(git, gitDir, commit);
  const lines: string[] = [];
  for (const [path, input] of Object.entries(texts)) {
    const id = (await git(['hash-object', '-w', '--stdin'], { gitDir, input })).stdout.trim();
    const mode = entries.get(path)?.startsWith('100755') ? '100755' : '100644';
    lines.push(`${mode} ${assertCommit(id)}\t${path}\0`);
  }
  return lines;
};

/** Path → `<mode> <id>`, of files, links and submodules. */
const entriesOf = async (git: Git, gitDir: string, commit: string): Promise<ReadonlyMap<string, string>> => {
  const listing = await listingOf(git, gitDir, commit);
  const rows = listing.split('\0').map((line) => /^(\d+) (\w+) (\w+)\t([\s\S]+)$/.exec(line));
  return new Map(
    rows.flatMap((row) =>
      row?.[2] === 'blob' || row?.[2] === 'commit' ? [[row[4] ?? '', `${row[1]} ${row[3]}`] as const] : [],
    ),
  );
};
