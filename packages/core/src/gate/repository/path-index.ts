/**
 * An index of a commit's paths that answers many queries. The text of a script determines how many queries
 * there are, so their total cost is bounded; beyond the bound, queries have no answer.
 */

/** The content of a commit: all paths, and the texts that detection needs. */
export interface RepositoryFiles {
  readonly repository: string;
  readonly paths: ReadonlySet<string>;
  readonly texts: Readonly<Record<string, string>>;
}

/** The same, with the content id of every file. */
export interface JudgedTree extends RepositoryFiles {
  readonly ids: Readonly<Record<string, string>>;
}

export type GateKind = 'typecheck' | 'lint' | 'build' | 'test';
export interface Detected {
  readonly tool: string;
  readonly kind: GateKind;
  readonly run: string;
}

/** Paths of a repository: `a/b` for a file, `a/` for a folder, and the empty string for the root. */
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Resolves a path relative to a folder. The result begins with `../` if it leads outside. */
export const joined = (folder: string, path: string): string => {
  const parts: string[] = [];
  for (const part of `${folder}${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts[0] === '..' ? `${parts.join('/')}/` : parts.join('/');
};

/** Maximum number of path characters compared per repository and change. */
const MAX_COMPARED_CHARACTERS = 2 ** 27;
/** The longest stretch of work without yielding to the rest of the process. */
const CHARACTERS_AT_ONCE = 2 ** 22;

export interface PathIndex {
  readonly has: (path: string) => boolean;
  /** `a/b`, without a trailing slash; the empty string is the root. */
  readonly hasFolder: (folder: string) => boolean;
  /** Files in a folder, given with a trailing slash. */
  readonly below: (folder: string) => readonly string[];
  /** Files whose path equals this, or ends with it after a slash. */
  readonly endingWith: (tail: string) => readonly string[];
  /** `weight` is the number of comparisons that one path costs. */
  readonly filter: (isWanted: (path: string) => boolean, weight?: number) => readonly string[];
  /** Accounts for a comparison of these paths; false if it exceeds the bound. */
  readonly spend: (paths: readonly string[]) => boolean;
  /** Whether a query went unanswered because it would have cost too much. */
  readonly isSpent: () => boolean;
  /** Yields to other work, if it is time to or enough has been compared since the last time. */
  readonly rest: (isTime: boolean) => Promise<void>;
}

export const indexPaths = (paths: ReadonlySet<string>): PathIndex => {
  const sorted = [...paths].sort();
  const folders = new Set(['', ...sorted.flatMap(foldersAbove)]);
  const byTail = Map.groupBy(sorted, tailOf);
  const byName = Map.groupBy(sorted, nameOf);
  const characters = sorted.reduce((sum, path) => sum + path.length, 1);
  let [left, sinceRest, isSpent] = [MAX_COMPARED_CHARACTERS, 0, false];
  const spend = (amount: number): boolean => {
    left -= amount;
    sinceRest += amount;
    isSpent ||= left < 0;
    return left >= 0;
  };
  const spendOn = (some: readonly string[]): boolean =>
    spend(some.reduce((sum, path) => sum + path.length, 1));
  const weighed = (some: readonly string[]): readonly string[] => (spendOn(some) ? some : []);
  return {
    has: (path) => paths.has(path),
    hasFolder: (folder) => folders.has(folder),
    below: (folder) => weighed(sorted.slice(firstFrom(sorted, folder), firstFrom(sorted, `${folder}\uffff`))),
    endingWith: (tail) => {
      const alike = weighed((tail.includes('/') ? byTail.get(tailOf(tail)) : byName.get(tail)) ?? []);
      return alike.filter((path) => path === tail || path.endsWith(`/${tail}`));
    },
    filter: (isWanted, weight = 1) => (spend(characters * weight) ? sorted.filter(isWanted) : []),
    spend: spendOn,
    isSpent: () => isSpent,
    rest: async (isTime) => {
      if (!isTime && sinceRest < CHARACTERS_AT_ONCE) return;
      sinceRest = 0;
      await othersTurn();
    },
  };
};

const othersTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** The index of the first element not less than `text`. */
const firstFrom = (sorted: readonly string[], text: string): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** The last two segments of a path. */
const tailOf = (path: string): string => path.slice(path.lastIndexOf('/', path.lastIndexOf('/') - 1) + 1);

/** `a/b` and `a` for `a/b/c`. */
export const foldersAbove = (path: string): string[] => {
  const folders: string[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    folders.push(path.slice(0, end));
  return folders;
};
