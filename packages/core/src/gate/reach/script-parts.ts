/** What the text of one reached file leads to: lines that are run and files that are loaded. */
import {
  isConfiguration,
  isPartOfJudge,
  isProductPlace,
  isTestCode,
  isTestFile,
} from '../repository/judge-paths.ts';
import { isManifest } from '../repository/manifests.ts';
import { folderOf, joined, type PathIndex } from '../repository/path-index.ts';
import { namedInCode } from './fed-lines.ts';
import { codeStrings, loadedByConfiguration, modulesBeside, recipeLines, runnerOf } from './judge-texts.ts';
import { callsPackageScripts, includedBy } from './shell-lines.ts';
import { embeddedCode, shellLines } from './shell-text.ts';

export interface Line {
  /** The working directory of the line, or the folder of the script that contains it. */
  readonly folder: string;
  readonly line: string;
}

export interface Parts {
  /** Patterns of loaded files, which may not exist. */
  readonly included: readonly string[];
  readonly lines: readonly Line[];
  readonly files: readonly string[];
  /** Files that would be mistaken for the result of a rule. */
  readonly made: readonly string[];
}

const NONE: Parts = { lines: [], files: [], included: [], made: [] };

/** Stands for content that cannot be read, which may run anything. */
export const UNKNOWN = 'sh "$UNKNOWN"; npm run "$UNKNOWN"';

export const partsOf = (index: PathIndex, path: string, text: string | undefined): Parts => {
  const folder = folderOf(path);
  const inFolder = (line: string): Line => ({ folder, line });
  if (text === undefined) return { ...NONE, lines: isTestCode(path) ? [] : [inFolder(UNKNOWN)] };
  const loads = isConfiguration(path) ? loadedByConfiguration(text) : [];
  const files = loads.flatMap((one) => loaded(index, folder, one));
  if (runnerOf(path) !== undefined) {
    const patterns = runnerOf(path) === 'make' ? text.split('\n').flatMap(includedBy) : [];
    const included = patterns.flatMap((one) => [joined(folder, one), joined('', one)]);
    const made = runnerOf(path) === 'make' ? makeTargets(text).map((name) => joined(folder, name)) : [];
    return { lines: recipeLines(text).map(inFolder), files, included, made };
  }
  if (isShell(path) && !isConfiguration(path)) return partsOfShell(index, folder, text);
  const lines = isTestCode(path) ? [] : text.split('\n').filter(callsPackageScripts).map(inFolder);
  const included = isTestCode(path) ? [] : foldersRunBy(index, path, text);
  return { ...NONE, lines, included, files: [...files, ...partsOfCode(index, path, text)] };
};

const GOES_OVER = /\b(?:readdir\w*|opendir|scandir|listdir|iterdir|walk|i?r?glob\w*)\b/;
const RUNS =
  /\b(?:runpy|exec\w*|eval|require|import_module|__import__|spec_from_file_location|load|spawn\w*|fork|run)\s*[.(]|\bimport\s*\(/;
/** Further folders or patterns of a script are ignored. */
const MAX_FOLDERS = 20;

/**
 * Folders and patterns whose files a script runs one by one. Product folders do not count: every test runs
 * product code anyway.
 */
const foldersRunBy = (index: PathIndex, path: string, text: string): string[] => {
  if (!GOES_OVER.test(text) || !RUNS.test(text)) return [];
  const places = codeStrings(path, text)
    .flatMap((word) => [joined(folderOf(path), word), joined('', word)])
    .map((place) => place.replace(/\/$/, ''))
    .filter((place) => /^[\w.-]/.test(place) && !isProductPlace(`${place}/`) && !isTestFile(`${place}/`));
  const patterns = places.filter((place) => /\w\/.*\*/.test(place));
  const folders = places.filter((place) => !place.includes('*') && index.hasFolder(place));
  return [...new Set([...patterns, ...folders.map((folder) => `${folder}/*`)])].slice(0, MAX_FOLDERS);
};

export const partsOfShell = (index: PathIndex, folder: string, text: string): Parts => ({
  ...NONE,
  lines: shellLines(text).map((line) => ({ folder, line })),
  files: embeddedCode(text)
    .filter((code) => !isAsserting(code))
    .flatMap((code) => namedInCode(code).flatMap((name) => loaded(index, folder, name))),
});

const partsOfCode = (index: PathIndex, path: string, text: string): string[] => {
  if (isTestCode(path)) return [];
  const folder = folderOf(path);
  const named = isAsserting(text) ? [] : codeStrings(path, text);
  return [
    ...(folder === '' ? [] : modulesBeside(path, text)),
    ...named.flatMap((one) =>
      resolved(index, folder, one).filter((to) => isCode(to) && isPartOfJudge(path, to)),
    ),
  ];
};

export const loaded = (index: PathIndex, folder: string, name: string): string[] =>
  resolved(index, folder, name).filter((path) => !isProductPlace(path));

/** A file that contains tests loads the code they test. */
const isAsserting = (text: string): boolean => /\bassert|\bexpect\s*\(/.test(text);

const ENDINGS = [
  ...['', '.js', '.mjs', '.cjs', '.ts', '.mts', '.cts', '.json', '.py', '.rb', '.sh'],
  ...['/index.js', '/index.ts', '/index.mjs', '/index.cjs', '/__init__.py'],
];

const resolved = (index: PathIndex, folder: string, name: string): string[] =>
  [...new Set([joined(folder, name), joined('', name)])]
    .flatMap((path) => ENDINGS.map((ending) => `${path}${ending}`))
    .filter((path) => index.has(path) && !isManifest(path));

/**
 * Resolves a word relative to the line's folder, to the root and, behind a computed folder, to any folder.
 */
export const candidates = (index: PathIndex, folder: string, word: string): readonly string[] => {
  const [, behind] = /^\$\w+\/(.+)$/.exec(word) ?? [];
  const names = [...new Set([joined(folder, behind ?? word), joined('', behind ?? word)])];
  const all = names.flatMap((name) => ENDINGS.map((ending) => `${name}${ending}`));
  if (all.some(index.has)) return all;
  if (behind !== undefined) return index.endingWith(joined('', behind));
  return /[./]/.test(word) ? all : [];
};

export const isCode = (path: string): boolean =>
  /\.([cm]?[jt]sx?|py|rb|pl|php|lua|mk|(ba|da|z)?sh|json|ya?ml|toml)$/.test(path) || !/\.[^/]*$/.test(path);
const isShell = (path: string): boolean => /\.(ba|da|z)?sh$/.test(path) || !/\.[^/]*$/.test(path);

/** Targets of make rules: make may consider a rule done if a file or folder of that name exists. */
const RULE = /^([\w./ -]{1,500}?)\s*::?(?!=)/;

const makeTargets = (text: string): string[] => {
  const rules = text.split('\n').flatMap((line) => RULE.exec(line)?.[1]?.split(/\s+/) ?? []);
  const always = new Set(
    text.split('\n').flatMap((line) => (line.startsWith('.PHONY') ? line.split(/[\s:]+/) : [])),
  );
  return [...new Set(rules)].filter((name) => /^\w/.test(name) && !always.has(name));
};
