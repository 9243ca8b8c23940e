/**
 * What a gate's lines lead to in the target: the scripts that they run, what these run and load in turn, in whatever
 * language they are, what configuration names, and the scripts of packages. What cannot be known before it runs
 * counts as everything that it could be.
 */
import { pathsFedTo } from './fed-lines.ts';
import { matchesGlob } from './glob.ts';
import {
  isConfiguration,
  isPartOfJudge,
  isProductPlace,
  isScriptPlace,
  isTestCode,
  isTestFile,
} from './judge-paths.ts';
import { codeStrings, loadedByConfiguration, modulesBeside, recipeLines, runnerOf } from './judge-texts.ts';
import { checksIn, isManifest, reachedScripts, scriptsIn } from './manifests.ts';
import { folderOf, joined } from './place.ts';
import {
  callsPackageScripts,
  callsUnknownScript,
  foldersEntered,
  foldersIn,
  includedBy,
  pathsRunBy,
  programFolders,
  programsIn,
  runsUnknown,
  testsRunBy,
  withoutExpansions,
  wordsOf,
} from './shell-lines.ts';

export interface ReachedFrom {
  readonly paths: ReadonlySet<string>;
  readonly lines: readonly string[];
  /** Of the packages whose scripts the lines may run. */
  readonly manifests: readonly string[];
  readonly textOf: (path: string) => Promise<string | undefined>;
}

/** Names of files, also of those that are not there and would be taken if they were. */
export interface Reached {
  readonly scripts: ReadonlySet<string>;
  /** Files that a runner of tests is pointed to. */
  readonly tests: ReadonlySet<string>;
  /** Whether such a runner would find a test at a path, there or not. */
  readonly findsTest: (path: string) => boolean;
  readonly packageScripts: ReadonlySet<string>;
  /** Whether a file would be run or loaded at a path, there or not. */
  readonly runs: (path: string) => boolean;
  /** Words of the lines, among them the names of programs. */
  readonly words: ReadonlySet<string>;
  /** The programs that the lines start. */
  readonly programs: ReadonlySet<string>;
}

/** Files whose texts are looked into; more than any repository's checks have. */
const MAX_READ = 400;
/** As long as a line of a gate may be. A longer one is looked at in pieces. */
const MAX_LINE_CHARACTERS = 4000;

/** What stands for what cannot be read: anything could be run there. */
const UNKNOWN = 'sh "$UNKNOWN"; npm run "$UNKNOWN"';

interface Line {
  /** Where it is run, or where the script that holds it lies. */
  readonly folder: string;
  readonly line: string;
}

export const reach = async (from: ReachedFrom): Promise<Reached> => {
  const search = createSearch(from);
  for (const line of from.lines) search.look({ folder: '', line });
  for (const path of manifestsBeside(from)) search.take(path);
  const packages = await packagesOf(from);
  search.add(packages);
  for (const { folder, checks } of packages)
    for (const name of loadedByConfiguration(checks)) search.takeLoaded(folder, name);
  const configuration = [...from.paths].filter((path) => isConfiguration(path) && !isManifest(path));
  search.read(configuration.filter((path) => runnerOf(path) === undefined));
  for (let read = 0; read < MAX_READ; read += 1) {
    search.call();
    search.read(configuration.filter((path) => search.words.has(runnerOf(path) ?? ' ')));
    const path = search.next();
    if (path === undefined) break;
    search.open(path, await from.textOf(path));
  }
  if (search.next() !== undefined) search.look({ folder: '', line: UNKNOWN });
  return search;
};

interface Package {
  readonly folder: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly checks: string;
}

const packagesOf = ({ manifests, textOf }: ReachedFrom): Promise<Package[]> =>
  Promise.all(manifests.map(async (path) => packageOf(path, await textOf(path))));

const packageOf = (path: string, text: string | undefined): Package => ({
  folder: folderOf(path),
  scripts: scriptsIn(text),
  checks: checksIn(text),
});

const createSearch = ({ paths, lines: given, manifests }: ReachedFrom) => {
  const [scripts, tests] = [new Set<string>(), new Set<string>()];
  const [words, programs] = [new Set<string>(), new Set<string>()];
  const included: string[] = [];
  let isAnyRun = false;
  const packageScripts = new Set<string>();
  const packages: Package[] = [];
  /** Of one package each. */
  const called = new Set<string>();
  const patterns: ((path: string) => boolean)[] = [];
  const opened = new Set<string>();
  const waiting: string[] = [];
  const calls: string[] = [...given];
  const read = (files: readonly string[]): void => {
    waiting.push(...new Set(files.filter((path) => !opened.has(path))));
    for (const path of files) opened.add(path);
  };
  const take = (path: string): void => {
    scripts.add(path);
    if (paths.has(path)) read([path]);
  };
  const look = ({ folder, line: whole }: Line): void => {
    for (let at = 0; at < whole.length; at += MAX_LINE_CHARACTERS)
      lookAt({ folder, line: whole.slice(at, at + MAX_LINE_CHARACTERS) });
  };
  const lookAt = (line: Line): void => {
    for (const word of wordsOf(line.line)) words.add(word);
    for (const program of programsIn(line.line)) programs.add(program);
    isAnyRun ||= runsUnknown(line.line);
    const more = testsBelow(line);
    patterns.push(...more);
    for (const path of more.flatMap((isTest) => [...paths].filter(isTest))) tests.add(path);
    for (const path of manifestsEntered(paths, line).filter((one) => !manifests.includes(one))) take(path);
    for (const path of filesRunBy(paths, line)) take(path);
  };
  return {
    ...{ scripts, tests, words, programs, packageScripts, read, take, look },
    runs: (path: string): boolean =>
      scripts.has(path) ||
      included.some((pattern) => matchesGlob(pattern, path)) ||
      (isAnyRun && isScript(path)),
    findsTest: (path: string): boolean => patterns.some((isTest) => isTest(path)),
    next: (): string | undefined => waiting.pop(),
    add: (more: readonly Package[]): void => {
      packages.push(...more);
    },
    takeLoaded: (folder: string, name: string): void => {
      for (const path of loaded(paths, folder, name)) take(path);
    },
    /** Scripts of packages, as far as the lines seen up to now run them. */
    call: (): void => {
      const all = packages.map((one) => one.scripts);
      for (const name of reachedScripts(calls, all, calls.some(callsUnknownScript))) {
        packageScripts.add(name);
        for (const { folder, scripts: own } of packages) {
          const key = `${folder} ${name}`;
          if (called.has(key)) continue;
          called.add(key);
          look({ folder, line: own[name] ?? '' });
        }
      }
    },
    open: (path: string, text: string | undefined): void => {
      if (isManifest(path)) packages.push(packageOf(path, text));
      const parts = partsOf(paths, path, text);
      included.push(...parts.included);
      for (const line of parts.lines) look(line);
      calls.push(...parts.lines.map(({ line }) => line).filter(callsPackageScripts));
      for (const one of parts.files) take(one);
    },
  };
};

interface Parts {
  /** Patterns of files that are loaded, there or not. */
  readonly included: readonly string[];
  readonly lines: readonly Line[];
  readonly files: readonly string[];
}

const partsOf = (paths: ReadonlySet<string>, path: string, text: string | undefined): Parts => {
  const folder = folderOf(path);
  const inFolder = (line: string): Line => ({ folder, line });
  if (text === undefined) return { ...NONE, lines: isTestCode(path) ? [] : [inFolder(UNKNOWN)] };
  const loads = isConfiguration(path) ? loadedByConfiguration(text) : [];
  const files = loads.flatMap((one) => loaded(paths, folder, one));
  if (runnerOf(path) !== undefined) {
    const included = runnerOf(path) === 'make' ? text.split('\n').flatMap(includedBy) : [];
    const patterns = included.flatMap((one) => [joined(folder, one), joined('', one)]);
    const found = patterns.flatMap((pattern) => [...paths].filter((one) => matchesGlob(pattern, one)));
    return { lines: recipeLines(text).map(inFolder), files: [...files, ...found], included: patterns };
  }
  if (isShell(path) && !isConfiguration(path)) return { ...NONE, lines: text.split('\n').map(inFolder) };
  const lines = isTestCode(path) ? [] : text.split('\n').filter(callsPackageScripts).map(inFolder);
  return { ...NONE, lines, files: [...files, ...partsOfCode(paths, path, text)] };
};

const NONE: Parts = { lines: [], files: [], included: [] };

const partsOfCode = (paths: ReadonlySet<string>, path: string, text: string): string[] => {
  if (isTestCode(path)) return [];
  const folder = folderOf(path);
  const named = isAsserting(text) ? [] : codeStrings(path, text);
  return [
    ...(folder === '' ? [] : modulesBeside(path, text)),
    ...named.flatMap((one) =>
      resolved(paths, folder, one).filter((to) => isCode(to) && isPartOfJudge(path, to)),
    ),
  ];
};

const loaded = (paths: ReadonlySet<string>, folder: string, name: string): string[] =>
  resolved(paths, folder, name).filter((path) => !isProductPlace(path));

/** What holds the tests itself loads what they test. */
const isAsserting = (text: string): boolean => /\bassert|\bexpect\s*\(/.test(text);

const filesRunBy = (paths: ReadonlySet<string>, { folder, line }: Line): string[] => [
  ...[...pathsRunBy(line), ...pathsRunBy(withoutExpansions(line))].flatMap((path) =>
    candidates(paths, folder, path),
  ),
  ...pathsFedTo(line).flatMap((path) => loaded(paths, folder, path)),
  ...programFolders(line).flatMap((place) => [...paths].filter((path) => path.startsWith(place))),
  ...(runsUnknown(line) ? [...paths].filter(isScript) : []),
];

/** What could be meant when it is not known which script is run. */
const isScript = (path: string): boolean =>
  !isTestFile(path) && (/\.(ba|da|z)?sh$/.test(path) || (isScriptPlace(path) && isCode(path)));

/** Manifests of folders that a line names: `cd sub && npm test`, `npm --prefix sub test`. */
const manifestsBeside = ({ paths, lines, manifests }: ReachedFrom): string[] =>
  lines.flatMap(foldersIn).flatMap((folder) => {
    const path = `${folder}/package.json`;
    return paths.has(path) && !manifests.includes(path) ? [path] : [];
  });

const manifestsEntered = (paths: ReadonlySet<string>, { folder, line }: Line): string[] =>
  foldersEntered(line)
    .flatMap((to) => [joined(folder, to), joined('', to)])
    .filter((to) => [...paths].some((path) => path.startsWith(`${to}/`)))
    .map((to) => `${to}/package.json`);

const testsBelow = ({ folder, line }: Line): ((path: string) => boolean)[] => {
  const isRun = testsRunBy(line);
  if (isRun === undefined) return [];
  return [(path) => path.startsWith(folder) && isRun(path.slice(folder.length))];
};

const ENDINGS = [
  ...['', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json', '.py', '.rb', '.sh'],
  ...['/index.js', '/index.ts', '/index.mjs', '/index.cjs', '/__init__.py'],
];

const resolved = (paths: ReadonlySet<string>, folder: string, name: string): string[] =>
  [...new Set([joined(folder, name), joined('', name)])]
    .flatMap((path) => ENDINGS.map((ending) => `${path}${ending}`))
    .filter((path) => paths.has(path) && !isManifest(path));

/** From where the line is, from the root, and behind a folder that is computed from wherever it is. */
const candidates = (paths: ReadonlySet<string>, folder: string, word: string): string[] => {
  const [, behind] = /^\$\w+\/(.+)$/.exec(word) ?? [];
  const names = [...new Set([joined(folder, behind ?? word), joined('', behind ?? word)])];
  const all = names.flatMap((name) => ENDINGS.map((ending) => `${name}${ending}`));
  const found = all.filter((path) => paths.has(path));
  if (found.length > 0) return all;
  if (behind !== undefined) return [...paths].filter((path) => path.endsWith(`/${joined('', behind)}`));
  return /[./]/.test(word) ? all : [];
};

const isCode = (path: string): boolean =>
  /\.([cm]?[jt]sx?|py|rb|pl|php|lua|mk|(ba|da|z)?sh|json|ya?ml|toml)$/.test(path) || !/\.[^/]*$/.test(path);
const isShell = (path: string): boolean => /\.(ba|da|z)?sh$/.test(path) || !/\.[^/]*$/.test(path);
