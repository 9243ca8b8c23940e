/**
 * Packages of the repository itself that its checks are made of: rules of linters, presets, runners. Nothing but checks
 * depends on them, or they have the name of a tool; a configuration, a script or a line names them.
 */

import { isDocument } from './file-kinds.ts';
import { isTestFile } from './judge-paths.ts';
import { isManifest, type Manifest, manifestOf } from './manifests.ts';
import { memberPaths } from './node-members.ts';
import { folderOf, foldersAbove, type RepositoryFiles } from './path-index.ts';
import { isTool } from './tools.ts';

export interface JudgeMembers {
  /** The folder of the package that is loaded by this name, or by the name of a file in it. */
  readonly named: (name: string) => string | undefined;
  /** Of the package that a file is of. */
  readonly holding: (path: string) => string | undefined;
  /** Of the package that brings a program. */
  readonly bringing: (program: string) => string | undefined;
}

export const judgeMembers = (files: Pick<RepositoryFiles, 'paths' | 'texts'>): JudgeMembers => {
  const paths = memberPaths(files);
  const manifests = ['package.json', ...paths].map((path) => ({
    folder: folderOf(path),
    manifest: manifestOf(files.texts[path]) ?? {},
  }));
  const all = manifests.map(({ manifest }) => manifest);
  const ofProduct = namesIn(all, ['dependencies', 'optionalDependencies', 'peerDependencies']);
  const ofChecks = namesIn(all, ['devDependencies']);
  const isJudge = ({ name }: Manifest): boolean =>
    isNamedAsTool(String(name)) || (ofChecks.has(String(name)) && !ofProduct.has(String(name)));
  const judges = manifests.slice(1).filter(({ manifest }) => isJudge(manifest));
  const folders = new Set(judges.map(({ folder }) => folder));
  const byName = new Map(
    judges.flatMap(({ folder, manifest }) => namesOf(manifest).map((name) => [name, folder] as const)),
  );
  const byProgram = new Map(
    judges.flatMap(({ folder, manifest }) => programsOf(manifest).map((one) => [one, folder] as const)),
  );
  return {
    named: (name) => byName.get(packageIn(name)),
    holding: (path) =>
      foldersAbove(path)
        .map((one) => `${one}/`)
        .find((one) => folders.has(one)),
    bringing: (program) => byProgram.get(program),
  };
};

/** Of a member that judges: what it says and what is checked by its fields do not count. */
export const isPartOfMember = (path: string): boolean =>
  !isTestFile(path) && !isManifest(path) && !isDocument(path);

const keysOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.keys(value) : [];
const namesIn = (manifests: readonly Manifest[], lists: readonly string[]): ReadonlySet<string> =>
  new Set(manifests.flatMap((manifest) => lists.flatMap((list) => keysOf(manifest[list]))));
const isNamedAsTool = (name: string): boolean => isTool(name) || /tsconfig|lint/.test(name);

/** A program of the product may be called by scripts as well. */
const CHECKS = /lint|check|verif|valid|rules/i;
const programsOf = ({ name, bin }: Manifest): string[] => {
  const own = String(name);
  const programs = typeof bin === 'string' ? [own.slice(own.lastIndexOf('/') + 1)] : keysOf(bin);
  return programs.filter((one) => isNamedAsTool(own) || CHECKS.test(one));
};

/** Linters leave out a part of a name that all of their packages have. */
const namesOf = ({ name }: Manifest): string[] => {
  const own = String(name);
  const short = own.replace(
    /(^|\/)(?:eslint|stylelint|prettier|babel)-(?:config|plugin|preset)(?:-|$)/,
    '$1',
  );
  return [own, short.replace(/\/$/, '')].filter((one) => one !== '');
};

/** `@a/b/c` and `plugin:@a/b/c` are of `@a/b`. */
const packageIn = (name: string): string => {
  const plain = name.replace(/^plugin:/, '');
  const parts = plain.split('/', 2);
  return plain.startsWith('@') ? parts.join('/') : (parts[0] ?? '');
};
