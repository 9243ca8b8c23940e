/**
 * Added files that judge existing code although the target had nothing at their path, ignore lists, which
 * hide files from checks, and the tests that a change adds.
 */
import { codeStrings } from '../reach/judge-texts.ts';
import { isRemembered, isSource, isUnreadable, isWhereToolsLook } from '../repository/file-kinds.ts';
import { matchesGlob } from '../repository/glob.ts';
import {
  isConfiguration,
  isForAll,
  isNamedAfter,
  isTestCode,
  isTestFile,
  isToolInPlace,
  placeOf,
} from '../repository/judge-paths.ts';
import { isLockFile } from '../repository/lock-files.ts';
import { changedFields, isManifest } from '../repository/manifests.ts';
import { folderOf, nameOf } from '../repository/path-index.ts';
import { isProjectFile, judgingText } from '../repository/project-files.ts';
import { hasCases } from '../suite/measure.ts';
import type { Trees } from './trees.ts';

export const isJudgeAdded = async (path: string, trees: Trees): Promise<boolean> => {
  const { index, reached } = trees;
  if (isToolInPlace(path) || isForAll(path) || standsForModule(path, trees)) return true;
  // A file in a new folder only affects that folder.
  if (!index.target.hasFolder(placeOf(path).replace(/\/$/, ''))) return false;
  if (isIgnoreList(path)) return hidesFiles(path, trees);
  if (isManifest(path)) return isManifestThatJudges(path, trees);
  if (isProjectFile(path)) return isProjectThatJudges(path, trees);
  if (isConfiguration(path) || isNamedAfter(path, reached.programs)) return true;
  return path.endsWith('.py') && isTestFile(path) && isRunForOthers(path, trees);
};

const isManifestThatJudges = async (path: string, { index, read }: Trees): Promise<boolean> => {
  // A nested manifest detaches the files below it from the manifest above.
  if (path.includes('/') && index.target.below(folderOf(path)).some(isSource)) return true;
  const text = await read('change', path);
  return text === undefined || changedFields('{}', text).length > 0;
};

/** Project files by name, and the sources that belong to the nearest such file above them. */
const HEADS: Readonly<Record<string, RegExp>> = {
  'go.mod': /\.go$/,
  'Cargo.toml': /\.rs$/,
  'pom.xml': /\.(?:java|kts?)$/,
  'build.gradle': /\.(?:java|kts?|groovy)$/,
  'build.gradle.kts': /\.(?:java|kts?|groovy)$/,
};
/**
 * The same for tools that search upwards for their settings; the one at the root is compared by its content.
 */
const NESTED_HEADS: Readonly<Record<string, RegExp>> = {
  'pyproject.toml': /\.py$/,
  'setup.cfg': /\.py$/,
  'composer.json': /\.php$/,
};

const isProjectThatJudges = async (path: string, { index, reached, read }: Trees): Promise<boolean> => {
  const [folder, name] = [folderOf(path), nameOf(path)];
  const headed = HEADS[name] ?? (folder === '' ? undefined : NESTED_HEADS[name]);
  if (headed !== undefined)
    return index.target.below(folder).some((one) => headed.test(one)) || index.target.isSpent();
  const text = await read('change', path);
  return text === undefined || judgingText(path, text, reached.programs) !== '';
};

/**
 * Whether a file cannot be ruled out as a judge: compiled code, caches and suppression lists of tools, and
 * files where tools look for settings.
 */
export const isUnknown = (path: string, { target, change, index }: Trees): boolean => {
  if (isUnreadable(path)) return change.paths.has(path);
  if (isManifest(path) || isProjectFile(path) || isLockFile(path) || isIgnoreList(path)) return false;
  if (!index.target.hasFolder(placeOf(path).replace(/\/$/, ''))) return false;
  const isRoot = (folder: string): boolean =>
    folder === '' || PROJECT_HEADS.some((name) => target.paths.has(`${folder}${name}`));
  return isRemembered(path) || isWhereToolsLook(path, isRoot);
};
const PROJECT_HEADS = [
  'package.json',
  'composer.json',
  'Gemfile',
  'mix.exs',
  'Makefile',
  ...Object.keys(HEADS),
].concat(Object.keys(NESTED_HEADS));

/**
 * Python runs a folder's `__init__.py` before its tests, and resolves a test's imports to files beside it
 * first.
 */
const isRunForOthers = async (path: string, { target, read }: Trees): Promise<boolean> => {
  const name = nameOf(path).slice(0, -'.py'.length);
  if (name === '__init__') {
    const code = ((await read('change', path)) ?? 'unknown').replace(/^\s*#.*$/gm, '');
    return code.trim() !== '';
  }
  return isOfProduct(name, target.paths);
};

/**
 * Whether tests that import the product, the standard library or a tool would get this file instead, because
 * their folder comes first on the module path.
 */
const standsForModule = (path: string, { target }: Trees): boolean => {
  const [, place] = path.endsWith('.py') ? (TESTS.exec(path) ?? []) : [];
  if (place === undefined) return false;
  return isToolInPlace(place) || isOfProduct(place.replace(/\/.*$|\.py$/g, ''), target.paths);
};

/** A test folder, which a test runner puts first on the module path, and the path within it. */
const TESTS = /^(?:[^/]+\/){0,9}?tests?\/(.+)$/;

const isOfProduct = (name: string, paths: ReadonlySet<string>): boolean =>
  ['', 'src/'].some((place) => paths.has(`${place}${name}.py`) || paths.has(`${place}${name}/__init__.py`));

/** Linters and formatters skip what git ignores. */
export const isIgnoreList = (path: string): boolean => nameOf(path) === '.gitignore';

/** Whether it matches files of the repository that it did not match in the target, or too many to compare. */
export const hidesFiles = async (path: string, { change, index, read }: Trees): Promise<boolean> => {
  const [was, is] = [await read('target', path), await read('change', path)];
  if (is === undefined) return change.paths.has(path);
  const known = new Set(was?.split('\n').map((line) => line.trim()));
  const added = is
    .split('\n')
    .filter((line) => !known.has(line.trim()))
    .slice(0, MAX_PATTERNS);
  const folder = folderOf(path);
  const inside = index.change.below(folder).map((one) => one.slice(folder.length));
  for (const pattern of added.flatMap(patternsOf)) {
    if (!index.change.spend(inside) || inside.some((one) => matchesGlob(pattern, one))) return true;
    await index.change.rest(false);
  }
  return false;
};

/** Added patterns beyond this are not compared; no real ignore list has as many. */
const MAX_PATTERNS = 1000;

/**
 * A pattern with a slash is relative to its folder, any other matches at any depth; both also match
 * everything below.
 */
const patternsOf = (line: string): string[] => {
  const pattern = line.trim();
  if (pattern === '' || pattern.startsWith('#') || pattern.startsWith('!')) return [];
  const plain = pattern.replace(/^\//, '').replace(/\/+$/, '');
  const isAnchored = pattern.replace(/\/+$/, '').includes('/');
  const places = isAnchored ? [plain] : [plain, `**/${plain}`];
  return places.flatMap((one) => [one, `${one}/**`]);
};

/** Maximum number of product files searched for the names of added files. */
const MAX_LOADERS = 500;

/**
 * Tests that the change adds. They take no part when the target judges, so that none of them passes under the
 * name of a test of the target. A file without cases stays if the change's product loads it.
 */
export const testsAdded = async (altered: readonly string[], trees: Trees): Promise<string[]> => {
  const { target, change, reached, read } = trees;
  const isAdded = (path: string): boolean => change.paths.has(path) && !target.paths.has(path);
  const isTest = (path: string): boolean => isTestCode(path) || reached.findsTest(path);
  const added = altered.filter((path) => isAdded(path) && isTest(path));
  if (added.length === 0) return [];
  const product = altered.filter((path) => change.paths.has(path) && isSource(path) && !isTest(path));
  const loaded = new Set<string>();
  for (const path of product.slice(0, MAX_LOADERS))
    for (const name of namesIn(path, (await read('change', path)) ?? '')) loaded.add(name);
  const found: string[] = [];
  for (const path of added) {
    const isLoaded = loaded.has(stemOf(path));
    // Rust compiles a file of tests only where the product names it.
    if (isLoaded && (path.endsWith('.rs') || !hasCases((await read('change', path)) ?? ''))) continue;
    found.push(path);
  }
  return found;
};

const stemOf = (path: string): string => nameOf(path).replace(/\.\w+$/, '');

const namesIn = (path: string, text: string): string[] =>
  path.endsWith('.rs')
    ? [...text.matchAll(/\bmod\s{1,9}(\w{1,100})\s{0,9};/g)].map(([, name = '']) => name)
    : codeStrings(path, text).flatMap((one) => [nameOf(one), stemOf(one)]);
