/**
 * Finds what a gate's lines reach in the target: the scripts they run, whatever these run and load in turn,
 * in any language, the files that configuration names, and package scripts. What cannot be known before a run
 * counts as everything it could be, and so does what would take too long to find out.
 */

import { matchesGlob } from '../repository/glob.ts';
import type { JudgeMembers } from '../repository/judge-members.ts';
import { isConfiguration, isScriptPlace, isTestCode, isTestFile } from '../repository/judge-paths.ts';
import { checksIn, isManifest, scriptsIn } from '../repository/manifests.ts';
import { folderOf, foldersAbove, indexPaths, joined, type PathIndex } from '../repository/path-index.ts';
import { taskFiles } from '../repository/task-files.ts';
import { pathsFedTo } from './fed-lines.ts';
import { linesOut, loadedByConfiguration, memberPackages, runnerOf } from './judge-texts.ts';
import { scriptsNamedIn } from './named-places.ts';
import { followCalls } from './package-calls.ts';
import {
  candidates,
  isCode,
  type Line,
  loaded,
  type Parts,
  partsOf,
  partsOfShell,
  UNKNOWN,
} from './script-parts.ts';
import {
  callsPackageScripts,
  foldersEntered,
  foldersIn,
  pathsRunBy,
  programFolders,
  programsIn,
  runsUnknown,
  testsRunBy,
  withoutExpansions,
  wordsOf,
} from './shell-lines.ts';
import { leadsOut } from './shell-text.ts';

export interface ReachedFrom {
  readonly paths: ReadonlySet<string>;
  readonly lines: readonly string[];
  /** Manifests of the packages whose scripts the lines may run. */
  readonly manifests: readonly string[];
  readonly members: JudgeMembers;
  readonly textOf: (path: string) => Promise<string | undefined>;
}

/** File names, including those of missing files that would be used if they existed. */
export interface Reached {
  readonly scripts: ReadonlySet<string>;
  /** Files passed to a test runner. */
  readonly tests: ReadonlySet<string>;
  /** Whether such a runner would find a test at this path, whether or not it exists. */
  readonly findsTest: (path: string) => boolean;
  readonly packageScripts: ReadonlySet<string>;
  /** Whether a file at this path, existing or not, would be run or loaded. */
  readonly runs: (path: string) => boolean;
  /** Words of the lines, including program names. */
  readonly words: ReadonlySet<string>;
  /** The programs that the lines start. */
  readonly programs: ReadonlySet<string>;
  /** Lines that may lead into another repository. `UNKNOWN` is among them if they are too many to find out. */
  readonly leaving: ReadonlySet<string>;
}

/** Maximum number of files read; no repository's checks need more. */
const MAX_READ = 400;
/** Maximum number of different lines examined; no repository's checks have more. */
const MAX_LINES = 100_000;
/** The maximum length of a gate line. Longer lines are examined in pieces. */
const MAX_LINE_CHARACTERS = 4000;
/** Test and include patterns; each path of a change is matched against all of them. */
const MAX_PATTERNS = 100;
/** Maximum number of lines leading into other repositories that are known one by one; no real repository has more. */
const MAX_LEAVING = 1000;
/** Yields to other work after this many. */
const LINES_AT_ONCE = 50;

export const reach = async (from: ReachedFrom): Promise<Reached> => {
  const index = indexPaths(from.paths);
  const search = createSearch(from, index);
  for (const line of from.lines) search.call({ folder: '', line });
  for (const path of manifestsBeside(from)) search.take(path);
  for (const path of from.manifests) search.addPackage(path, await from.textOf(path));
  const configuration = [...from.paths].filter((path) => isConfiguration(path) && !isManifest(path));
  search.read(configuration.filter((path) => runnerOf(path) === undefined));
  for (let read = 0; read < MAX_READ; read += 1) {
    await search.lookAtAll();
    search.read(configuration.filter((path) => search.words.has(runnerOf(path) ?? ' ')));
    const path = search.next();
    if (path === undefined) break;
    search.open(path, await from.textOf(path));
  }
  await search.lookAtAll();
  if (search.next() !== undefined) search.giveUp();
  return search;
};

const createSearch = (from: ReachedFrom, index: PathIndex) => {
  const finds = createFinds(from, index);
  const { tests, words, programs, included, runners, packages, tasks, leaving, lines, read, take } = finds;
  const { calls, follow, runAny, giveUp, isAnyRun } = createRuns(finds, index);
  const lookAt = (line: Line): void => {
    if (line.line.includes('\n')) follow(partsOfShell(index, line.folder, line.line));
    const [named, started] = [wordsOf(line.line), programsIn(line.line)];
    addAll(words, named);
    addAll(programs, started);
    addAll(tests, runners.look(line));
    read(packages.started(started));
    leaving.look(line.line);
    if (runsUnknown(line.line)) runAny();
    const manifests = manifestsEntered(index, line).filter((path) => !from.manifests.includes(path));
    for (const path of [...named.flatMap(tasks.hear), ...manifests, ...filesRunBy(index, line)]) take(path);
  };
  return {
    ...{ scripts: finds.scripts, tests, words, programs, packageScripts: calls.reached, read, take, giveUp },
    leaving: leaving.lines,
    runs: (path: string): boolean =>
      [finds.scripts, included, packages, tasks].some((one) => one.has(path)) ||
      (isAnyRun() && isScript(path)),
    findsTest: runners.findsTest,
    next: finds.next,
    call: (line: Line): void => {
      lines.look(line);
      calls.call(line.line);
    },
    addPackage: (path: string, text: string | undefined): void => {
      const [folder, checks] = [folderOf(path), checksIn(text)];
      calls.add({ folder, scripts: scriptsIn(text) });
      for (const name of loadedByConfiguration(checks))
        for (const one of loaded(index, folder, name)) take(one);
      read(packages.loadedBy(folder, checks));
    },
    lookAtAll: async (): Promise<void> => {
      for (let line = lines.next(); line !== undefined; line = lines.next()) {
        if (index.isSpent() || finds.isTooMuch()) {
          lines.clear();
          return giveUp();
        }
        lookAt(line);
        await index.rest(lines.count() % LINES_AT_ONCE === 0);
      }
    },
    open: (path: string, text: string | undefined): void => {
      if (isManifest(path)) calls.add({ folder: folderOf(path), scripts: scriptsIn(text) });
      follow(partsOf(index, path, text));
      if (text === undefined || isTestCode(path)) return;
      read(packages.loadedBy(folderOf(path), text));
      for (const line of linesOut(path, text)) leaving.look(line);
    },
  };
};

const addAll = (set: Set<string>, more: readonly string[]): void => {
  for (const one of more) set.add(one);
};

/** What a search has found and what remains to be examined. */
const createFinds = ({ members }: ReachedFrom, index: PathIndex) => {
  const scripts = new Set<string>();
  const files = fileQueue();
  const [lines, runners, included] = [lineQueue(), testRunners(index), inclusions(index)];
  return {
    ...{ scripts, lines, runners, included, ...files },
    tests: new Set<string>(),
    words: new Set<string>(),
    programs: new Set<string>(),
    packages: memberPackages(members, index),
    tasks: taskFiles(index),
    leaving: leavingLines(),
    take: (path: string): void => {
      scripts.add(path);
      if (index.has(path)) files.read([path]);
    },
    isTooMuch: (): boolean => lines.count() > MAX_LINES || runners.count() + included.count() > MAX_PATTERNS,
  };
};

/** Follows what the files found so far run, as far as that is known. */
const createRuns = ({ lines, included, leaving, take }: ReturnType<typeof createFinds>, index: PathIndex) => {
  let isAnyRun = false;
  const calls = followCalls((folder, line) => lines.look({ folder, line }));
  const runAny = (): void => {
    if (isAnyRun) return;
    isAnyRun = true;
    for (const path of index.filter(isScript)) take(path);
  };
  return {
    calls,
    runAny,
    isAnyRun: () => isAnyRun,
    giveUp: (): void => {
      runAny();
      calls.call(UNKNOWN);
      leaving.giveUp();
    },
    follow: (parts: Parts): void => {
      for (const one of included.add(parts)) take(one);
      for (const line of parts.lines) {
        lines.look(line);
        if (callsPackageScripts(line.line)) calls.call(line.line);
      }
      for (const one of parts.files) take(one);
    },
  };
};

const leavingLines = () => {
  const lines = new Set<string>();
  return {
    lines: lines as ReadonlySet<string>,
    look: (line: string): void => {
      if (leadsOut(line) && !lines.has(line)) lines.add(lines.size < MAX_LEAVING ? line : UNKNOWN);
    },
    giveUp: (): void => void lines.add(UNKNOWN),
  };
};

/** Yields each file once. */
const fileQueue = () => {
  const opened = new Set<string>();
  const waiting: string[] = [];
  return {
    read: (files: readonly string[]): void => {
      waiting.push(...new Set(files.filter((path) => !opened.has(path))));
      for (const path of files) opened.add(path);
    },
    next: (): string | undefined => waiting.pop(),
  };
};

/** Yields each line of a folder once, in pieces of bounded length. */
const lineQueue = () => {
  const [waiting, known]: [Line[], Set<string>] = [[], new Set()];
  let looked = 0;
  return {
    look: ({ folder, line: whole }: Line): void => {
      for (let at = 0; at < whole.length; at += MAX_LINE_CHARACTERS) {
        const line = whole.slice(at, at + MAX_LINE_CHARACTERS).trim();
        const key = `${folder}\0${line}`;
        if (known.has(key)) continue;
        known.add(key);
        waiting.push({ folder, line });
      }
    },
    next: (): Line | undefined => {
      looked += 1;
      return waiting.pop();
    },
    count: (): number => looked,
    clear: (): void => void waiting.splice(0),
  };
};

/** The patterns that test runners are given. */
const testRunners = (index: PathIndex) => {
  const patterns = new Map<string, (path: string) => boolean>();
  return {
    /** Returns the existing tests. */
    look: ({ folder, line }: Line): readonly string[] => {
      const isRun = testsRunBy(line);
      const key = `${folder}\0${wordsOf(line).join(' ')}`;
      if (isRun === undefined || patterns.has(key)) return [];
      const isTest = (path: string): boolean => path.startsWith(folder) && isRun(path.slice(folder.length));
      patterns.set(key, isTest);
      return index.filter(isTest, wordsOf(line).length);
    },
    count: (): number => patterns.size,
    findsTest: (path: string): boolean => [...patterns.values()].some((isTest) => isTest(path)),
  };
};

/** Files that makefiles include, and files that make would mistake for the result of a rule. */
const inclusions = (index: PathIndex) => {
  const patterns = new Set<string>();
  const made = new Set<string>();
  const addPattern = (pattern: string): readonly string[] => {
    if (patterns.has(pattern)) return [];
    patterns.add(pattern);
    return index.filter((path) => matchesGlob(pattern, path), pattern.split('*').length);
  };
  return {
    /** Returns the existing files that are included. */
    add: (parts: Parts): readonly string[] => {
      for (const path of parts.made) if (!index.has(path) && !index.hasFolder(path)) made.add(path);
      return parts.included.flatMap(addPattern);
    },
    count: (): number => patterns.size,
    has: (path: string): boolean =>
      [...patterns].some((pattern) => matchesGlob(pattern, path)) ||
      (made.size > 0 && [path, ...foldersAbove(path)].some((one) => made.has(one))),
  };
};

const filesRunBy = (index: PathIndex, { folder, line }: Line): readonly string[] => [
  ...[...pathsRunBy(line), ...pathsRunBy(withoutExpansions(line))].flatMap((path) =>
    candidates(index, folder, path),
  ),
  ...pathsFedTo(line).perhaps.flatMap((path) => loaded(index, folder, path)),
  ...pathsFedTo(line).surely.flatMap((path) => candidates(index, folder, path).filter(index.has)),
  ...programFolders(line).flatMap(index.below),
  ...scriptsNamedIn(index, { folder, line }),
];

/** The candidates when it is unknown which script is run. */
const isScript = (path: string): boolean =>
  !isTestFile(path) && (/\.(ba|da|z)?sh$/.test(path) || (isScriptPlace(path) && isCode(path)));

/** Manifests of folders that a line names: `cd sub && npm test`, `npm --prefix sub test`. */
const manifestsBeside = ({ paths, lines, manifests }: ReachedFrom): string[] =>
  lines.flatMap(foldersIn).flatMap((folder) => {
    const path = `${folder}/package.json`;
    return paths.has(path) && !manifests.includes(path) ? [path] : [];
  });

const manifestsEntered = (index: PathIndex, { folder, line }: Line): string[] =>
  foldersEntered(line)
    .flatMap((to) => [joined(folder, to), joined('', to)])
    .filter(index.hasFolder)
    .map((to) => `${to}/package.json`);
