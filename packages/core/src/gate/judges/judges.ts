/**
 * Determines what a change does to the files that judge it, by comparing the trees of its target and its
 * merge. Pure, apart from reading file texts one by one.
 */
import type { Weakening } from '@berth/contract';
import { installChanges, type ToolChange, toolChanges } from '../reach/manifest-tools.ts';
import { type Reached, reach } from '../reach/reach.ts';
import { isDocument } from '../repository/file-kinds.ts';
import { judgeMembers } from '../repository/judge-members.ts';
import {
  isCode,
  isConfiguration,
  isNamedAfter,
  isScriptPlace,
  isTestCode,
  isTestFile,
  isToolInPlace,
} from '../repository/judge-paths.ts';
import { followLinks } from '../repository/links.ts';
import { isLockFile, lockChanges, NO_LOCKS } from '../repository/lock-files.ts';
import { changedFields, isManifest, judgingManifest, scriptsIn } from '../repository/manifests.ts';
import { manifestsOf } from '../repository/node-members.ts';
import { folderOf, indexPaths, type JudgedTree, nameOf } from '../repository/path-index.ts';
import { isProjectFile, judgingText } from '../repository/project-files.ts';
import { isAlterable } from '../suite/alter.ts';
import { exitNames } from '../suite/exit-names.ts';
import { endsOthers, isOnlyMore, reductionOf } from '../suite/measure.ts';
import { hidesFiles, isIgnoreList, isJudgeAdded, isUnknown, testsAdded } from './added.ts';
import { exitsAdded } from './exits.ts';
import { isEmptied, isListedCase, movesOf } from './moved.ts';
import { addedSuppressions } from './suppressions.ts';
import { testsWithinChanged } from './tests-within.ts';
import { isJudgingModule, isModule, type ReadText, type Trees } from './trees.ts';
import { listed } from './weakening.ts';

export interface JudgeChanges {
  /** Paths that judge in the target's version, or are removed if the target does not have them. */
  readonly fromTarget: readonly string[];
  /** Manifests that judge with a text that is in neither tree. */
  readonly texts: Readonly<Record<string, string>>;
  readonly weakened: readonly Weakening[];
  /** Files of the target with assertions that may be altered; they judge in the target's version. */
  readonly tests: readonly string[];
  /** Whether anything that tests may load is not the target's. */
  readonly isLoadable: boolean;
}

export interface JudgedPair {
  readonly target: JudgedTree;
  readonly change: JudgedTree;
  /** The gate's shell lines that run in this repository. */
  readonly lines: readonly string[];
}

type Found = Omit<Weakening, 'repository'>;

const MAX_MEASURED = 200;

export const judgeChanges = async (pair: JudgedPair, read: ReadText): Promise<JudgeChanges> => {
  const manifests = manifestsOf(pair.target);
  const mayJudge = (path: string): boolean =>
    [isConfiguration, isTestFile, isScriptPlace].some((is) => is(path) || is(`${path}/`)) ||
    pair.lines.some((line) => line.includes(nameOf(path)));
  const target = await followLinks(pair.target, (path) => read('target', path), mayJudge);
  const change = await followLinks(pair.change, (path) => read('change', path), mayJudge);
  const reached = await reach({
    paths: target.paths,
    lines: pair.lines,
    manifests,
    members: judgeMembers(pair.target),
    textOf: (path) => read('target', target.realOf(path)),
  });
  const trees: Trees = {
    ...{ target, change, reached },
    index: { target: indexPaths(target.paths), change: indexPaths(change.paths) },
    read: bounded((side, path) => read(side, (side === 'target' ? target : change).realOf(path))),
  };
  const altered = [...new Set([...target.paths, ...change.paths])]
    .filter((path) => target.ids[path] !== change.ids[path])
    .sort();
  const files = await fileChanges(altered, trees);
  const ofManifests = await manifestChanges(manifests, trees);
  const others = altered.filter((path) => isManifest(path) && !manifests.includes(path) && !isTestFile(path));
  const entries = files.judging.flatMap((path) => [...target.entriesOf(path), ...change.entriesOf(path)]);
  const fromTarget = new Set([
    ...entries.filter((entry) => pair.target.ids[entry] !== pair.change.ids[entry]),
    ...ofManifests.fromTarget,
    ...(await testsAdded(altered, trees)),
  ]);
  const found = [
    ...ofManifests.found,
    ...linksCut(trees),
    ...files.found,
    ...(await testsWithinChanged(altered, trees)),
    ...(await exitsAdded(altered, trees)),
    ...(await addedSuppressions(altered, trees)),
    ...(await changedLocks(altered, trees)),
    ...(await otherManifests(others, trees)),
  ];
  return {
    fromTarget: [...fromTarget].sort(),
    tests: testsOf(pair.target, reached).filter(
      (path) => pair.target.ids[path] === pair.change.ids[path] || fromTarget.has(path),
    ),
    isLoadable: altered.some((path) => !fromTarget.has(path) && !isDocument(path)),
    texts: ofManifests.texts,
    weakened: listed(found).map((one) => ({ ...one, repository: pair.target.repository })),
  };
};

/** By name where nothing is known of what the gate reaches. */
export const testsOf = ({ paths, ids }: JudgedTree, reached?: Reached): string[] =>
  [...paths]
    .filter((path) => isTestCode(path) || reached?.tests.has(path) || reached?.scripts.has(path))
    .filter((path) => isAlterable(path) && !isProjectFile(path) && !isConfiguration(path))
    .filter((path) => !/^(?:link|module) /.test(ids[path] ?? ''))
    .sort();

/** All altered judges except manifests, and which of them are weaker. */
const fileChanges = async (altered: readonly string[], trees: Trees) => {
  const { target, change, index } = trees;
  const movedTo = movesOf(trees);
  const judging: string[] = [];
  const found: Found[] = [];
  for (const [count, path] of altered.filter((one) => !isReadByFields(one, trees)).entries()) {
    await index.change.rest(count % PATHS_AT_ONCE === 0);
    const how = target.paths.has(path) ? (change.paths.has(path) ? 'changed' : 'deleted') : 'added';
    const kind = await kindOf(path, how, trees);
    if (kind === undefined) continue;
    judging.push(path);
    const moved = how === 'deleted' && kind === 'test' ? movedTo(path) : undefined;
    // A runner may reject two tests with the same name in two places.
    if (moved !== undefined) {
      judging.push(moved);
      continue;
    }
    const weakening = await weakeningOf({ path, how, kind, measured: judging.length }, trees);
    if (weakening !== undefined) found.push(weakening);
  }
  return { judging, found };
};

/** Yields to other work after this many. */
const PATHS_AT_ONCE = 200;

/** Maximum number of texts compared per change. A text that is not read counts as changed. */
const MAX_READS = 3000;
const bounded = (read: ReadText): ReadText => {
  let reads = 0;
  return async (side, path) => {
    reads += 1;
    return reads > MAX_READS ? undefined : read(side, path);
  };
};

const linksCut = ({ target, change }: Trees): Found[] =>
  change.isUnknown || (change.isCut && !target.isCut)
    ? [{ kind: 'configuration_changed', subject: 'symbolic links', detail: 'more than are followed' }]
    : [];

/** A manifest of the target is compared by field, not as a whole: see `manifestChanges`. */
const isReadByFields = (path: string, { target, reached }: Trees): boolean =>
  isManifest(path) &&
  target.paths.has(path) &&
  !isTestFile(path) &&
  !isToolInPlace(path) &&
  !reached.runs(path);

type Kind = 'test' | 'script' | 'configuration';
type How = 'changed' | 'deleted' | 'added';

const kindOf = async (path: string, how: How, trees: Trees): Promise<Kind | undefined> => {
  if (isModule(path, trees)) return isJudgingModule(path, trees.reached) ? 'configuration' : undefined;
  return how === 'added' ? kindOfAdded(path, trees) : kindOfKnown(path, trees);
};

const kindOfAdded = async (path: string, trees: Trees): Promise<Kind | undefined> => {
  if (trees.reached.runs(path)) return 'script';
  if ((await isJudgeAdded(path, trees)) || isUnknown(path, trees)) return 'configuration';
  return isTestCode(path) && endsOthers(path, (await trees.read('change', path)) ?? '') ? 'test' : undefined;
};

const kindOfKnown = async (path: string, trees: Trees): Promise<Kind | undefined> => {
  const { reached } = trees;
  // A list of tests that a line reads is not itself a test.
  if (reached.tests.has(path) && (isCode(path) || !reached.runs(path))) return 'test';
  if (reached.runs(path)) return 'script';
  if ((await isConfigurationChanged(path, trees)) || isUnknown(path, trees)) return 'configuration';
  return isTestFile(path) && !isReadInParts(path) ? 'test' : undefined;
};

const isReadInParts = (path: string): boolean => isIgnoreList(path) || isProjectFile(path);

const isConfigurationChanged = async (path: string, trees: Trees): Promise<boolean> => {
  if (isIgnoreList(path)) return hidesFiles(path, trees);
  if (isProjectFile(path)) return !(await isJudgingAlike(path, trees));
  return isConfiguration(path) || isNamedAfter(path, trees.reached.programs);
};

const isJudgingAlike = async (path: string, { read, reached }: Trees): Promise<boolean> => {
  const [was, is] = [await read('target', path), await read('change', path)];
  if (was === undefined || is === undefined) return false;
  return judgingText(path, was, reached.programs) === judgingText(path, is, reached.programs);
};

interface Altered {
  readonly path: string;
  readonly kind: Kind;
  readonly how: How;
  readonly measured: number;
}

const weakeningOf = async (altered: Altered, trees: Trees): Promise<Found | undefined> => {
  const { path, kind, how } = altered;
  const { target, change, read } = trees;
  const [, link, real] = (how === 'added' ? change : target).entriesOf(path);
  const subject = real === undefined || real === path ? path : `${path} (a link: ${link} leads to ${real})`;
  if (kind === 'script') {
    const isMore = how === 'changed' && isTestCode(path) && (await hasOnlyMore(path, read));
    return isMore ? undefined : { kind: 'script_changed', subject, detail: how };
  }
  if (kind === 'configuration') return { kind: 'configuration_changed', subject, detail: how };
  return weakenedTest(altered, subject, trees);
};

const weakenedTest = async (
  { path, how, measured }: Altered,
  subject: string,
  trees: Trees,
): Promise<Found | undefined> => {
  const { reached, read } = trees;
  const reduced = (detail: string): Found => ({ kind: 'test_reduced', subject, detail });
  if (how === 'added') return reduced(ENDS);
  if (!isTestCode(path) && !reached.tests.has(path)) return weakenedData(path, how, subject, trees);
  if (how === 'deleted') return { kind: 'test_deleted', subject, detail: how };
  if (measured > MAX_MEASURED) return reduced('one of too many changed test files to be looked at');
  const [was, is] = [await read('target', path), await read('change', path)];
  if (is === undefined) return reduced('it is no readable file any more');
  if (was === undefined) return reduced('it was too large to be compared');
  const reduction = reductionOf(was, is) ?? (exitNames(path, was) < exitNames(path, is) ? ENDS : undefined);
  return reduction === undefined ? undefined : reduced(reduction);
};

const ENDS = 'it may end or change the run of the tests beside it';

const weakenedData = async (
  path: string,
  how: How,
  subject: string,
  trees: Trees,
): Promise<Found | undefined> => {
  const { read } = trees;
  const isLess = how === 'deleted' || isEmptied(await read('target', path), await read('change', path));
  if (!isLess || !(await isListedCase(path, trees))) return undefined;
  const detail = 'a case that tests find by its folder';
  return how === 'deleted'
    ? { kind: 'test_deleted', subject, detail }
    : { kind: 'test_reduced', subject, detail: `emptied, ${detail}` };
};

/** For tests that run as programs of their own, which nothing counts. */
const hasOnlyMore = async (path: string, read: ReadText): Promise<boolean> => {
  const [was, is] = [await read('target', path), await read('change', path)];
  return was !== undefined && is !== undefined && isOnlyMore(was, is);
};

const changedLocks = async (
  altered: readonly string[],
  { target, change, reached, read }: Trees,
): Promise<Found[]> => {
  const changed = (subject: string, detail: string): Found => ({
    kind: 'configuration_changed',
    subject,
    detail,
  });
  const found = locksAdded(altered, target.paths).map(({ path, beside }) =>
    changed(path, `added beside ${beside}`),
  );
  const isFirst = (path: string): boolean =>
    !target.paths.has(path) && !isTestFile(path) && found.every(({ subject }) => subject !== path);
  for (const path of altered.filter((one) => isLockFile(one) && (target.paths.has(one) || isFirst(one)))) {
    const was = target.paths.has(path) ? await read('target', path) : NO_LOCKS;
    const is = await read('change', path);
    const changes =
      was === undefined || is === undefined ? undefined : lockChanges(path, was, is, reached.programs);
    if (!change.paths.has(path)) found.push(changed(path, 'deleted'));
    else if (changes === undefined) found.push(changed(path, 'it cannot be compared'));
    else found.push(...changes.map(({ name, detail }) => changed(`${path}: ${name}`, detail)));
  }
  return found;
};

/** An installer may prefer an added lock file to the existing one. */
const locksAdded = (altered: readonly string[], known: ReadonlySet<string>) => {
  const added = altered.filter((path) => !known.has(path) && isLockFile(path));
  const locks = added.length === 0 ? [] : [...known].filter(isLockFile);
  return added.flatMap((path) => {
    const beside = locks.find((one) => folderOf(one) === folderOf(path));
    return beside === undefined ? [] : [{ path, beside }];
  });
};

const manifestChanges = async (manifests: readonly string[], { target, change, reached, read }: Trees) => {
  const texts: Record<string, string> = {};
  const fromTarget: string[] = [];
  const found: Found[] = [];
  for (const path of manifests.filter((one) => target.ids[one] !== change.ids[one])) {
    const was = (await read('target', path)) ?? '';
    const is = await read('change', path);
    found.push(...manifestWeakening(path, { was, is, reached }));
    if (is === undefined) fromTarget.push(path);
    else if (judgesOtherwise(was, is)) texts[path] = judgingManifest(was, is);
  }
  return { texts, fromTarget, found };
};

/** Those that are new, or no member of a workspace. */
const otherManifests = async (paths: readonly string[], { reached, read }: Trees): Promise<Found[]> => {
  const found: Found[] = [];
  for (const path of paths) {
    const [was, is] = [await read('target', path), await read('change', path)];
    found.push(...installChanges(was ?? '', is ?? '', reached).map((one) => ofManifest(path, one)));
  }
  return found;
};

const ofManifest = (path: string, { field, detail }: ToolChange): Found => ({
  ...{ kind: 'configuration_changed', subject: `${path}: ${field}`, detail: clipped(detail) },
});

const manifestWeakening = (
  path: string,
  texts: {
    readonly was: string;
    readonly is: string | undefined;
    readonly reached: Reached;
  },
): Found[] => {
  const { was, is, reached } = texts;
  if (is === undefined)
    return [{ kind: 'configuration_changed', subject: path, detail: 'it is no readable file any more' }];
  const place = path === 'package.json' ? '' : ` of ${path}`;
  const [ours, theirs] = [scriptsIn(was), scriptsIn(is)];
  const scripts = [...reached.packageScripts].sort().filter((name) => ours[name] !== theirs[name]);
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
    ...toolChanges(was, is, reached).map((one) => ofManifest(path, one)),
  ];
};

const judgesOtherwise = (was: string, is: string): boolean =>
  changedFields(was, is).length > 0 || JSON.stringify(scriptsIn(was)) !== JSON.stringify(scriptsIn(is));

const SHOWN_CHARACTERS = 200;
const clipped = (text: string): string => text.slice(0, SHOWN_CHARACTERS);
const scriptDetail = (was: string | undefined, is: string | undefined): string => {
  const shown = (text: string): string => `\`${clipped(text)}\``;
  if (is === undefined) return `removed, was ${shown(was ?? '')}`;
  return was === undefined ? `added, ${shown(is)}` : `${shown(was)} → ${shown(is)}`;
};
