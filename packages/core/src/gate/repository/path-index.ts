/**
 * The paths of a commit, for many questions about them. The text of a script chooses how many are asked, so all of them
 * together may cost only so much; what is asked beyond that has no answer.
 */
/** What detection reads and what it finds. */

/** What a commit holds: all paths, and the text of those that decide. */
export interface RepositoryFiles {
  readonly repository: string;
  readonly paths: ReadonlySet<string>;
  readonly texts: Readonly<Record<string, string>>;
}

/** The same, with the id of every file's content. */
export interface JudgedTree extends RepositoryFiles {
  readonly ids: Readonly<Record<string, string>>;
}

export type GateKind = 'typecheck' | 'lint' | 'build' | 'test';
export interface Detected {
  readonly tool: string;
  readonly kind: GateKind;
  readonly run: string;
}

/** Paths of a repository: `a/b`, with folders as `a/` and the root as nothing. */
export const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Where a path leads that is meant from a folder. It begins with `../` when that is outside. */
export const joined = (folder: string, path: string): string => {
  const parts: string[] = [];
  for (const part of `${folder}${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts[0] === '..' ? `${parts.join('/')}/` : parts.join('/');
};

/** Characters of paths that are compared for one repository and change. */
const MAX_COMPARED_CHARACTERS = 2 ** 27;
/** As long as nothing else of the process should wait. */
const CHARACTERS_AT_ONCE = 2 ** 22;

export interface PathIndex {
  readonly has: (path: string) => boolean;
  /** `a/b`, without a slash at its end; nothing is the root. */
  readonly hasFolder: (folder: string) => boolean;
  /** Files in a folder, which ends with a slash. */
  readonly below: (folder: string) => readonly string[];
  /** Files whose path is this, or ends with it behind a slash. */
  readonly endingWith: (tail: string) => readonly string[];
  /** `weight` says how many comparisons one path costs. */
  readonly filter: (isWanted: (path: string) => boolean, weight?: number) => readonly string[];
  /** Says that these are compared with something; false when that is too much. */
  readonly spend: (paths: readonly string[]) => boolean;
  /** Whether a question was not answered, because it would have cost too much. */
  readonly isSpent: () => boolean;
  /** Lets others have their turn, if it is time for that or enough has been compared since the last time. */
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

/** The place of the first that is not before. */
const firstFrom = (sorted: readonly string[], text: string): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** The last two names of a path. */
const tailOf = (path: string): string => path.slice(path.lastIndexOf('/', path.lastIndexOf('/') - 1) + 1);

/** `a/b` and `a` of `a/b/c`. */
export const foldersAbove = (path: string): string[] => {
  const folders: string[] = [];
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    folders.push(path.slice(0, end));
  return folders;
};
