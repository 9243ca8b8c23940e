/** Reads commits of a bare repository: changes, contents, ancestry. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fail } from '@berth/contract';
import type { FileRequest } from '@berth/core';
import type { Git } from '../git.ts';
import { assertCommit } from '../refs.ts';

const MAX_DIFF_BYTES = 4 * 2 ** 20;
/** Names, modes and ids of some 350 000 files. */
const MAX_LISTING_BYTES = 32 * 2 ** 20;
/** Yields to other requests in between. */
const ROWS_AT_ONCE = 5000;

/** A diff of the stored content that runs nothing. */
export const PLAIN_DIFF = ['--no-color', '--no-ext-diff', '--no-textconv', '--find-renames'] as const;

/** Fixed path prefixes, whatever is configured. */
export const diffPrefixes = (folder?: string) => {
  const below = folder === undefined ? '' : `${folder}/`;
  return [`--src-prefix=a/${below}`, `--dst-prefix=b/${below}`];
};

/** The unified diff, truncated with a notice beyond 4 MiB. */
export const diffOf = async (
  git: Git,
  gitDir: string,
  { from, to, folder }: { from: string; to: string; folder?: string | undefined },
): Promise<string> => {
  const range = [assertCommit(from), assertCommit(to)];
  const shown = await git(['diff', ...PLAIN_DIFF, ...diffPrefixes(folder), ...range, '--'], {
    gitDir,
    maxOutputBytes: MAX_DIFF_BYTES,
    cut: true,
  });
  return shown.truncated ? cutDiff(shown.stdout, MAX_DIFF_BYTES) : shown.stdout;
};

/** Truncates at a line end, with a notice. */
export const cutDiff = (text: string, limitBytes: number): string =>
  `${text.slice(0, text.lastIndexOf('\n') + 1)}[the diff is longer than ${limitBytes} bytes and was truncated here]\n`;

export const containsCommit = async (
  git: Git,
  gitDir: string,
  descendant: string,
  ancestor: string,
): Promise<boolean> => {
  const order = [assertCommit(ancestor), assertCommit(descendant)];
  const answer = await git(['merge-base', '--is-ancestor', ...order], { gitDir, answers: [1] });
  return answer.exitCode === 0;
};

export const treeOf = async (git: Git, gitDir: string, commit: string): Promise<string> =>
  (
    await git(['rev-parse', '--verify', '--end-of-options', `${assertCommit(commit)}^{tree}`], { gitDir })
  ).stdout.trim();

const LINK_MODE = '120000';
const KINDS: Readonly<Record<string, string>> = {
  [LINK_MODE]: 'link ',
  '100755': 'run ',
  '160000': 'module ',
};

/**
 * Path → id of the content, for every file, link and submodule of a commit; `link <id>` for a link, `run <id>` for an
 * executable, `module <id>` for the commit of a submodule.
 */
export const filesOf = async (git: Git, gitDir: string, commit: string): Promise<Record<string, string>> => {
  const files: [string, string][] = [];
  for await (const rows of rowsOf(await listingOf(git, gitDir, commit)))
    for (const { type, mode, path, id } of rows)
      if (type === 'blob' || type === 'commit') files.push([path, `${KINDS[mode] ?? ''}${id}`]);
  return Object.fromEntries(files);
};

/**
 * All of a commit's files, in lines that `rowsOf` reads. Rejects when there are too many: a tree of a few kilobytes
 * can nest itself into billions of paths, and a million names keep the server busy for seconds.
 */
export const listingOf = async (git: Git, gitDir: string, commit: string): Promise<string> => {
  const options = { gitDir, maxOutputBytes: MAX_LISTING_BYTES, cut: true };
  const listed = await git(['ls-tree', '-r', '-z', '--full-tree', assertCommit(commit)], options);
  if (!listed.truncated) return listed.stdout;
  const detail = `commit ${commit} has too many files (their list is longer than ${MAX_LISTING_BYTES / 2 ** 20} MiB): remove generated or installed files from it, and ignore them`;
  throw fail('git.failed', { act: 'ls-tree', detail });
};

async function* rowsOf(listing: string): AsyncGenerator<ReturnType<typeof parseTree>> {
  for (let at = 0; at < listing.length; ) {
    let end = at;
    for (let row = 0; row < ROWS_AT_ONCE && end < listing.length; row += 1)
      end = listing.indexOf('\0', end) + 1;
    yield parseTree(listing.slice(at, end));
    at = end;
    await nextTurn();
  }
}

export const fileOf = async (git: Git, gitDir: string, file: FileRequest): Promise<string | undefined> => {
  const listed = await git(
    ['ls-tree', '-z', '-l', '--full-tree', assertCommit(file.commit), '--', file.path],
    // A name may look like a pathspec pattern.
    { gitDir, env: { GIT_LITERAL_PATHSPECS: '1' } },
  );
  const entry = parseTree(listed.stdout).find(({ path }) => path === file.path);
  if (entry === undefined) return undefined;
  if (!entry.mode.startsWith('100') && !(file.links === true && entry.mode === LINK_MODE)) return undefined;
  if (entry.sizeBytes > file.maxBytes) return undefined;
  const read = await git(['cat-file', 'blob', entry.id], { gitDir, maxOutputBytes: file.maxBytes + 1 });
  return read.stdout;
};

/** `<mode> <type> <id>[ <size>]\t<path>`, each null-terminated. */
const parseTree = (listing: string) =>
  listing.split('\0').flatMap((line) => {
    const tab = line.indexOf('\t');
    if (tab < 0) return [];
    const [mode = '', type = '', id = '', size = '0'] = line.slice(0, tab).split(/ +/);
    return [{ mode, type, id, sizeBytes: Number(size), path: line.slice(tab + 1) }];
  });
