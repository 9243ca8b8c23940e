/**
 * The repository's own packages that its checks consist of: lint rules, presets, runners. A package qualifies
 * if only checks depend on it or it is named like a tool, and a configuration, a script or a line names it.
 */

import { isDocument } from './file-kinds.ts';
import { isTestFile } from './judge-paths.ts';
import { isManifest, type Manifest, manifestOf } from './manifests.ts';
import { memberPaths } from './node-members.ts';
import { folderOf, foldersAbove, type RepositoryFiles } from './path-index.ts';
import { isTool } from './tools.ts';

export interface JudgeMembers {
  /** The folder of the package loaded under this name or the name of a file in it. */
  readonly named: (name: string) => string | undefined;
  /** The folder of the package that contains a file. */
  readonly holding: (path: string) => string | undefined;
  /** The folder of the package that provides a program. */
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

/**
 * Whether a file of a judging member counts: not its documents, its tests or its manifest, which is compared
 * by field.
 */
export const isPartOfMember = (path: string): boolean =>
  !isTestFile(path) && !isManifest(path) && !isDocument(path);

const keysOf = (value: unknown): string[] =>
  typeof value === 'object' && value !== null ? Object.keys(value) : [];
const namesIn = (manifests: readonly Manifest[], lists: readonly string[]): ReadonlySet<string> =>
  new Set(manifests.flatMap((manifest) => lists.flatMap((list) => keysOf(manifest[list]))));
const isNamedAsTool = (name: string): boolean => isTool(name) || /tsconfig|lint/.test(name);

/** Scripts may also call programs of the product, so a program must be named like a check. */
const CHECKS = /lint|check|verif|valid|rules/i;
const programsOf = ({ name, bin }: Manifest): string[] => {
  const own = String(name);
  const programs = typeof bin === 'string' ? [own.slice(own.lastIndexOf('/') + 1)] : keysOf(bin);
  return programs.filter((one) => isNamedAsTool(own) || CHECKS.test(one));
};

/** Linters omit the part of a name that all of their packages share. */
const namesOf = ({ name }: Manifest): string[] => {
  const own = String(name);
  const short = own.replace(
    /(^|\/)(?:eslint|stylelint|prettier|babel)-(?:config|plugin|preset)(?:-|$)/,
    '$1',
  );
  return [own, short.replace(/\/$/, '')].filter((one) => one !== '');
};

/** `@a/b/c` and `plugin:@a/b/c` belong to `@a/b`. */
const packageIn = (name: string): string => {
  const plain = name.replace(/^plugin:/, '');
  const parts = plain.split('/', 2);
  return plain.startsWith('@') ? parts.join('/') : (parts[0] ?? '');
};
