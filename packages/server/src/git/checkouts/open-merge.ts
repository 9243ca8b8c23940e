/**
 * A merge that an agent started and resolved but did not commit. Many agents edit the files and stop there; the work
 * is done, and only the second parent is missing. Whether it is resolved is read from the agent's own index and the
 * tree to be saved. Both may lie, which gains nothing: an agent can commit any merge it likes, and what lands is
 * merged and checked in the hub either way.
 */
import type { RunResult, Sandbox } from '@berth/plugin-api';
import type { SandboxGit } from './sandbox-git.ts';

interface Place {
  readonly sandbox: Sandbox;
  readonly cwd: string;
}

/** More than this cannot have been resolved by hand: the merge counts as unresolved. */
const MAX_PATHS = 1000;
const MARKER = '^(<<<<<<<|>>>>>>>) ';
/** Git's exit codes for "none" and "unreadable". */
const REFUSALS = [1, 128, 129];

/** The commit being merged into the head, when nothing is left to resolve. */
export const resolvedMerge = async (
  git: SandboxGit,
  place: Place,
  saved: { readonly head: string; readonly tree: string },
): Promise<string | undefined> => {
  const lookUp = async (...args: readonly [string, ...string[]]): Promise<RunResult> =>
    git(place.sandbox, { cwd: place.cwd, args, answers: REFUSALS });
  const merging = await lookUp('rev-parse', '--verify', '--quiet', 'MERGE_HEAD^{commit}');
  if (merging.exitCode !== 0) return undefined;
  const unchanged = await lookUp('rev-parse', '--verify', '--quiet', `${saved.head}^{tree}`);
  // Nothing was taken from the other side: the merge was abandoned, and committing it would undo landed work.
  if (unchanged.stdout.trim() === saved.tree) return undefined;
  return (await isResolved(lookUp, saved.tree)) ? merging.stdout.trim() : undefined;
};

type LookUp = (...args: readonly [string, ...string[]]) => Promise<RunResult>;

const isResolved = async (lookUp: LookUp, tree: string): Promise<boolean> => {
  const [open, closed] = [
    await lookUp('ls-files', '-z', '--unmerged'),
    await lookUp('ls-files', '-z', '--resolve-undo'),
  ];
  if (open.exitCode !== 0 || closed.exitCode !== 0) return false;
  const unmerged = stagesByPath(open.stdout);
  const paths = [...new Set([...unmerged.keys(), ...stagesByPath(closed.stdout).keys()])];
  if (paths.length > MAX_PATHS) return false;
  if (paths.length === 0) return true;
  const found = (pattern: string): Promise<RunResult> =>
    lookUp('--literal-pathspecs', 'grep', '-z', '-l', '-I', '-E', '-e', pattern, tree, '--', ...paths);
  if ((await found(MARKER)).exitCode !== 1) return false;
  const texts = new Set(
    (await found('')).stdout.split('\0').map((name) => name.slice(name.indexOf(':') + 1)),
  );
  // Git writes conflict markers only for text in both sides. Other conflicts must be resolved with `git add`.
  return [...unmerged].every(([path, stages]) => stages.has('2') && stages.has('3') && texts.has(path));
};

/** Lines of `<mode> <object> <stage>\t<path>`. */
const stagesByPath = (listing: string): Map<string, Set<string>> => {
  const stages = new Map<string, Set<string>>();
  for (const line of listing.split('\0')) {
    const [, stage = '', path = ''] = /^\d+ [0-9a-f]+ ([0-3])\t([\s\S]+)$/.exec(line) ?? [];
    if (path !== '') stages.set(path, (stages.get(path) ?? new Set()).add(stage));
  }
  return stages;
};
