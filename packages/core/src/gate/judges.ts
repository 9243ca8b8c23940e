/**
 * What a change does to that which judges it, read off the trees of its target and of its merge. Pure but for the texts,
 * which are asked for one by one.
 */
import type { Weakening } from '@berth/contract';
import type { JudgedTree } from './files.ts';
import {
  foldersIn,
  isConfiguration,
  isTestCode,
  isTestFile,
  isToolInPlace,
  pathsRunBy,
  testsRunBy,
  wordsOf,
} from './judge-paths.ts';
import { changedFields, isManifest, judgingManifest, reachedScripts, scriptsIn } from './manifests.ts';
import { memberPaths } from './node-members.ts';
import { measureTest, reductionOf } from './test-counts.ts';

/** The text of a file, of the target or the change; undefined when it is absent, no plain file, or too large to judge. */
export type ReadText = (side: 'target' | 'change', path: string) => Promise<string | undefined>;

export interface JudgeChanges {
  /** Paths that judge as they are in the target, or not at all when they are not there. */
  readonly fromTarget: readonly string[];
  /** Manifests that judge with other texts than both have. */
  readonly texts: Readonly<Record<string, string>>;
  readonly weakened: readonly Weakening[];
}

export interface JudgedPair {
  readonly target: JudgedTree;
  readonly change: JudgedTree;
  /** The shell lines of the gate that run in this repository. */
  readonly lines: readonly string[];
}

type Found = Omit<Weakening, 'repository'>;

/** More of one kind than anybody reads are one line. */
const MAX_LISTED = 50;
const MAX_MEASURED = 200;
const MAX_SCRIPT_DEPTH = 3;
const MAX_SCRIPTS = 200;

export const judgeChanges = async (pair: JudgedPair, read: ReadText): Promise<JudgeChanges> => {
  const { target, change } = pair;
  const manifests = manifestsOf(target);
  const reached = await filesReached(pair, manifests, read);
  const altered = [...new Set([...target.paths, ...change.paths])]
    .filter((path) => target.ids[path] !== change.ids[path])
    .sort();
  const moved = new Set(
    [...change.paths]
      .filter((path) => !target.paths.has(path) && isTestCode(path))
      .map((path) => change.ids[path]),
  );
  const folders = new Set([...target.paths].flatMap(foldersOf));
  const fromTarget: string[] = [];
  const found: Found[] = [];
  for (const path of altered) {
    if (isReadByFields(path, reached)) continue;
    const how = target.paths.has(path) ? (change.paths.has(path) ? 'changed' : 'deleted') : 'added';
    const kind = kindOf(path, how, { folders, reached });
    const wasMoved = how === 'deleted' && kind === 'test' && moved.has(target.ids[path]);
    if (kind === undefined || wasMoved) continue;
    fromTarget.push(path);
    const isCode = isTestCode(path) || reached.tests.has(path);
    const weakening = await weakeningOf(path, { kind, how, read, measured: fromTarget.length, isCode });
    if (weakening !== undefined) found.push(weakening);
  }
  const ofManifests = await manifestChanges(pair, manifests, read);
  return {
    fromTarget: [...fromTarget, ...ofManifests.fromTarget],
    texts: ofManifests.texts,
    weakened: listed([...ofManifests.found, ...found]).map((one) => ({
      ...one,
      repository: target.repository,
    })),
  };
};

/** A manifest is not judged as a whole: see `manifestChanges`. */
const isReadByFields = (path: string, { scripts }: Reached): boolean =>
  isManifest(path) && !isTestFile(path) && !isToolInPlace(path) && !scripts.has(path);

type Kind = 'test' | 'script' | 'configuration';
type How = 'changed' | 'deleted' | 'added';

const kindOf = (
  path: string,
  how: How,
  { folders, reached }: { readonly folders: ReadonlySet<string>; readonly reached: Reached },
): Kind | undefined => {
  if (how === 'added') {
    // What a new folder brings with it concerns that folder.
    const isNearOld = isToolInPlace(path) || folders.has(folderOf(path));
    return isConfiguration(path) && isNearOld ? 'configuration' : undefined;
  }
  if (reached.tests.has(path)) return 'test';
  if (reached.scripts.has(path)) return 'script';
  if (isConfiguration(path)) return 'configuration';
  return isTestFile(path) ? 'test' : undefined;
};

const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1);
const foldersOf = (path: string): string[] => {
  const folders: string[] = [];
  for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder.slice(0, -1)))
    folders.push(folder);
  return ['', ...folders];
};

interface Altered {
  readonly kind: Kind;
  readonly how: How;
  readonly read: ReadText;
  readonly measured: number;
  /** Of a test: not only what tests read. */
  readonly isCode: boolean;
}

const weakeningOf = async (
  path: string,
  { kind, how, read, measured, isCode }: Altered,
): Promise<Found | undefined> => {
  if (kind === 'script') return { kind: 'script_changed', subject: path, detail: how };
  if (kind === 'configuration') return { kind: 'configuration_changed', subject: path, detail: how };
  if (!isCode) return undefined;
  if (how === 'deleted') return { kind: 'test_deleted', subject: path, detail: how };
  const reduced = (detail: string): Found => ({ kind: 'test_reduced', subject: path, detail });
  if (measured > MAX_MEASURED) return reduced('one of too many changed test files to be looked at');
  const was = await read('target', path);
  const is = await read('change', path);
  if (was === undefined) return undefined;
  if (is === undefined) return reduced('it is no readable file any more');
  const reduction = reductionOf(measureTest(was), measureTest(is));
  return reduction === undefined ? undefined : reduced(reduction);
};

const ROOT = 'package.json';
const manifestsOf = (tree: JudgedTree): string[] =>
  [ROOT, ...memberPaths(tree)].filter((path) => tree.texts[path] !== undefined);

/** What the gate's lines lead to in the target. */
interface Reached {
  readonly scripts: ReadonlySet<string>;
  /** Files that a runner of tests is pointed to. */
  readonly tests: ReadonlySet<string>;
}

/** Files that the gate's lines run, and what these run in turn, as far as their texts say. */
const filesReached = async (
  { target, lines }: JudgedPair,
  manifests: readonly string[],
  read: ReadText,
): Promise<Reached> => {
  const scripts = manifests.map((path) => scriptsIn(target.texts[path]));
  const reached = reachedScripts(lines, scripts);
  const named = new Set<string>();
  const tests = new Set<string>();
  let waiting: Line[] = [
    ...lines.map((line) => ({ folder: '', line })),
    ...manifests.flatMap((path, index) =>
      Object.entries(scripts[index] ?? {}).flatMap(([name, line]) =>
        reached.has(name) ? [{ folder: path.slice(0, -ROOT.length), line }] : [],
      ),
    ),
    ...makeLines(target, lines).map((line) => ({ folder: '', line })),
  ];
  for (const path of manifestsBeside(target, lines)) if (!manifests.includes(path)) named.add(path);
  for (let depth = 0; depth < MAX_SCRIPT_DEPTH && waiting.length > 0; depth += 1) {
    for (const path of waiting.flatMap((one) => testsBelow(target, one))) tests.add(path);
    const found = waiting
      .flatMap((one) => programsOf(target, one))
      .filter((path) => !named.has(path))
      .slice(0, MAX_SCRIPTS);
    for (const path of found) named.add(path);
    waiting = (await Promise.all(found.filter(isShell).map((path) => linesOf(path, read)))).flat();
  }
  return { scripts: named, tests };
};

/** Manifests of folders that a line names: `cd sub && npm test`, `npm --prefix sub test`. */
const manifestsBeside = ({ paths }: JudgedTree, lines: readonly string[]): string[] =>
  lines.flatMap(foldersIn).flatMap((folder) => {
    const path = `${folder}/${ROOT}`;
    return paths.has(path) ? [path] : [];
  });

interface Line {
  /** Where it is run, or where the script that holds it lies. */
  readonly folder: string;
  readonly line: string;
}

const linesOf = async (path: string, read: ReadText): Promise<Line[]> =>
  ((await read('target', path)) ?? '').split('\n').map((line) => ({ folder: folderOf(path), line }));

const programsOf = (target: JudgedTree, { folder, line }: Line): string[] =>
  pathsRunBy(line)
    .flatMap((path) => [`${folder}${path}`, path])
    .flatMap((path) => existing(target, path));

const testsBelow = ({ paths }: JudgedTree, { folder, line }: Line): string[] => {
  const pattern = testsRunBy(line);
  if (pattern === undefined) return [];
  return [...paths].filter((path) => path.startsWith(folder) && pattern.test(path.slice(folder.length)));
};

const ENDINGS = ['', '.js', '.mjs', '.cjs', '.ts', '.mts', '/index.js', '/index.ts'];
const existing = ({ paths }: JudgedTree, path: string): string[] =>
  ENDINGS.map((ending) => `${path}${ending}`).filter((one) => paths.has(one));
const isShell = (path: string): boolean => /\.(ba|da|z)?sh$/.test(path) || !/\.[^/]*$/.test(path);

const makeLines = ({ texts }: JudgedTree, lines: readonly string[]): string[] =>
  lines.some((line) => wordsOf(line).includes('make'))
    ? Object.entries(texts).flatMap(([path, text]) =>
        /makefile$/i.test(path) ? text.split('\n').map((line) => line.replace(/^\t[-@+]*/, '')) : [],
      )
    : [];

const manifestChanges = async (
  { target, change, lines }: JudgedPair,
  manifests: readonly string[],
  read: ReadText,
) => {
  const reached = reachedScripts(
    [...lines, ...makeLines(target, lines)],
    manifests.map((path) => scriptsIn(target.texts[path])),
  );
  const texts: Record<string, string> = {};
  const fromTarget: string[] = [];
  const found: Found[] = [];
  for (const path of manifests.filter((one) => target.ids[one] !== change.ids[one])) {
    const was = target.texts[path] ?? '';
    const is = await read('change', path);
    found.push(...manifestWeakening(path, { was, is, reached }));
    if (is === undefined) fromTarget.push(path);
    else if (judgesOtherwise(was, is)) texts[path] = judgingManifest(was, is);
  }
  return { texts, fromTarget, found };
};

const manifestWeakening = (
  path: string,
  texts: {
    readonly was: string;
    readonly is: string | undefined;
    readonly reached: ReadonlySet<string>;
  },
): Found[] => {
  const { was, is, reached } = texts;
  if (is === undefined)
    return [{ kind: 'configuration_changed', subject: path, detail: 'it is no readable file any more' }];
  const place = path === ROOT ? '' : ` of ${path}`;
  const [ours, theirs] = [scriptsIn(was), scriptsIn(is)];
  const scripts = [...reached].sort().filter((name) => ours[name] !== theirs[name]);
  return [
    ...scripts.map((name) => ({
      kind: 'script_changed' as const,
      subject: `${name}${place}`,
      detail: scriptDetail(ours[name], theirs[name]),
    })),
    ...changedFields(was, is).map((field) => ({
      kind: 'configuration_changed' as const,
      subject: `${path}: ${field}`,
      detail: 'changed',
    })),
  ];
};

const judgesOtherwise = (was: string, is: string): boolean =>
  changedFields(was, is).length > 0 || JSON.stringify(scriptsIn(was)) !== JSON.stringify(scriptsIn(is));

const SHOWN_CHARACTERS = 200;
const scriptDetail = (was: string | undefined, is: string | undefined): string => {
  const shown = (text: string): string => `\`${text.slice(0, SHOWN_CHARACTERS)}\``;
  if (is === undefined) return `removed, was ${shown(was ?? '')}`;
  return was === undefined ? `added, ${shown(is)}` : `${shown(was)} → ${shown(is)}`;
};

const listed = (found: readonly Found[]): Found[] => {
  const [first] = found;
  if (first === undefined || found.length <= MAX_LISTED) return [...found];
  const rest = found.slice(MAX_LISTED);
  const more = {
    kind: rest[0]?.kind ?? first.kind,
    subject: `and ${rest.length} more`,
    detail: 'see the diff',
  };
  return [...found.slice(0, MAX_LISTED), more];
};
