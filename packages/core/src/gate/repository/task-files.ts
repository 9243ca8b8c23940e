/**
 * Task definitions that a task runner finds by file name alone. Files always known by name are in
 * `judge-paths.ts`.
 */
import type { PathIndex } from './path-index.ts';

/** Keyed by the program that reads them, as a gate line names it. */
const TASK_FILES: ReadonlyMap<string, RegExp> = new Map([
  ['inv', /^tasks(?:\.py|\/.*\.py)$|(?:^|\/)tasks\.py$/],
  ['invoke', /^tasks(?:\.py|\/.*\.py)$|(?:^|\/)tasks\.py$/],
  ['fab', /(?:^|\/)fabfile(?:\.py|\/.*\.py)$/],
  ['doit', /(?:^|\/)dodo\.py$/],
  ['paver', /(?:^|\/)pavement\.py$/],
  ['mage', /(?:^|\/)magefiles\/.*\.go$|(?:^|\/)mage(?!file\.go$)[^/]*\.go$/],
  ['xtask', /(?:^|\/)xtask\/.*\.rs$/],
  ['cake', /(?:^|\/)(?:Cakefile|[^/]+\.cake)$/],
  ['jake', /(?:^|\/)[Jj]akefile(?:\.[cm]?js)?$/],
  ['thor', /(?:^|\/)(?:Thorfile|[^/]+\.thor)$/],
  ['fastlane', /(?:^|\/)Fastfile$/],
  ['earthly', /(?:^|\/)Earthfile$/],
  ['mask', /(?:^|\/)maskfile\.md$/],
  ['xc', /^README\.md$/],
  ['runme', /^README\.md$/],
  ['xmake', /(?:^|\/)xmake\.lua$/],
  ['premake4', /(?:^|\/)premake[45]\.lua$/],
  ['premake5', /(?:^|\/)premake[45]\.lua$/],
  ['scons', /(?:^|\/)SConscript$/],
  ['waf', /(?:^|\/)waf$/],
  ['ninja', /(?:^|\/)[^/]+\.ninja$/],
  ['redo', /\.do$/],
  ['redo-ifchange', /\.do$/],
  ['tup', /(?:^|\/)Tup(?:file|rules\.tup)$/],
  ['buck', /(?:^|\/)(?:BUCK|\.buckconfig)$/],
  ['buck2', /(?:^|\/)(?:BUCK|\.buckconfig)$/],
  ['Invoke-Build', /\.build\.ps1$|(?:^|\/)psakefile\.ps1$/],
  ['Invoke-psake', /\.build\.ps1$|(?:^|\/)psakefile\.ps1$/],
  ['tilt', /(?:^|\/)Tiltfile$/],
  ['conan', /(?:^|\/)conanfile\.(?:py|txt)$/],
  ['hatch', /(?:^|\/)hatch(?:_build)?\.(?:toml|py)$/],
  ['forge', /(?:^|\/)foundry\.toml$/],
]);

/** The files that the program named by a word looks up. */
const taskFilesOf = (word: string): RegExp | undefined => TASK_FILES.get(word);

/** Collects files of task runners named by lines. */
export const taskFiles = (index: PathIndex) => {
  const known = new Set<RegExp>();
  return {
    /** Returns the existing files not returned before. */
    hear: (word: string): readonly string[] => {
      const files = taskFilesOf(word);
      if (files === undefined || known.has(files)) return [];
      known.add(files);
      return index.filter((path) => files.test(path));
    },
    has: (path: string): boolean => [...known].some((files) => files.test(path)),
  };
};
