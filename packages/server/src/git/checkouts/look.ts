/** Reads commits of a bare repository: what changed, what they hold, how they are related. */
import type { FileRequest } from '@berth/core';
import type { Git } from '../git.ts';
import { assertCommit } from '../refs.ts';

const MAX_DIFF_BYTES = 4 * 2 ** 20;
const MAX_LISTING_BYTES = 64 * 2 ** 20;

/** A diff that shows what git stored and runs nothing. */
export const PLAIN_DIFF = ['--no-color', '--no-ext-diff', '--no-textconv', '--find-renames'] as const;

/** Where paths are shown to be, whatever is configured. */
export const diffPrefixes = (folder?: string) => {
  const below = folder === undefined ? '' : `${folder}/`;
  return [`--src-prefix=a/${below}`, `--dst-prefix=b/${below}`];
};

/** The unified diff, cut with a notice when it is longer than 4 MiB. */
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

/** Ends at a line, and says that there is more. */
export const cutDiff = (text: string, limitBytes: number): string =>
  `${text.slice(0, text.lastIndexOf('\n') + 1)}[the diff is longer than ${limitBytes} bytes and was cut here]\n`;

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

const LINK_MODE = '120000';
const KINDS: Readonly<Record<string, string>> = {
  [LINK_MODE]: 'link ',
  '100755': 'run ',
  '160000': 'module ',
};

/**
 * Path → id of the content, for every file, link and submodule of a commit; `link <id>` for a link, `run <id>` for what may
 * be executed, `module <id>` for the commit of a submodule.
 */
export const filesOf = async (git: Git, gitDir: string, commit: string): Promise<Record<string, string>> => {
  const listed = await git(['ls-tree', '-r', '-z', '--full-tree', assertCommit(commit)], {
    gitDir,
    maxOutputBytes: MAX_LISTING_BYTES,
  });
  return Object.fromEntries(
    parseTree(listed.stdout).flatMap(({ type, mode, path, id }) =>
      type === 'blob' || type === 'commit' ? [[path, `${KINDS[mode] ?? ''}${id}`]] : [],
    ),
  );
};

export const fileOf = async (git: Git, gitDir: string, file: FileRequest): Promise<string | undefined> => {
  const listed = await git(
    ['ls-tree', '-z', '-l', '--full-tree', assertCommit(file.commit), '--', file.path],
    {
      gitDir,
    },
  );
  const entry = parseTree(listed.stdout).find(({ path }) => path === file.path);
  if (entry === undefined) return undefined;
  if (!entry.mode.startsWith('100') && !(file.links === true && entry.mode === LINK_MODE)) return undefined;
  if (entry.sizeBytes > file.maxBytes) return undefined;
  const read = await git(['cat-file', 'blob', entry.id], { gitDir, maxOutputBytes: file.maxBytes + 1 });
  return read.stdout;
};

/** `<mode> <type> <id>[ <size>]\t<path>`, ended by a zero byte each. */
const parseTree = (listing: string) =>
  listing.split('\0').flatMap((line) => {
    const tab = line.indexOf('\t');
    if (tab < 0) return [];
    const [mode = '', type = '', id = '', size = '0'] = line.slice(0, tab).split(/ +/);
    return [{ mode, type, id, sizeBytes: Number(size), path: line.slice(tab + 1) }];
  });
