/** What the texts of scripts, recipes and configuration name, in the ways that their languages have for it. */

import { isPartOfMember, type JudgeMembers } from '../repository/judge-members.ts';
import { folderOf, foldersAbove, joined, nameOf, type PathIndex } from '../repository/path-index.ts';
import { leadsOut, shellLines } from './shell-text.ts';

const RECIPES: readonly (readonly [RegExp, string])[] = [
  [/^(?:GNUm|m|M)akefile$|\.mk$/, 'make'],
  [/^\.?justfile$/i, 'just'],
  [/^taskfile(?:\.dist)?\.ya?ml$/i, 'task'],
  [/^tox\.ini$/, 'tox'],
  [/^\.pre-commit-config\.yaml$/, 'pre-commit'],
  [/^\.?lefthook\.ya?ml$/, 'lefthook'],
  [/^\.?mise(?:\.[^/]+)?\.toml$/, 'mise'],
  [/^deno\.jsonc?$/, 'deno'],
];

/** The program that reads its shell lines from a file of this name. */
export const runnerOf = (path: string): string | undefined =>
  RECIPES.find(([name]) => name.test(nameOf(path)))?.[1];

/** Of Make, Just, Task and their like: without what stands before a shell line. */
export const recipeLines = (text: string): string[] =>
  shellLines(text).map((line) =>
    line.replace(/^\s*(?:-\s+)?(?:"?[\w.-]+"?\s*(?:[:+?]?=|:(?=\s|$))\s*)?[\s>|[{"'@+-]*/, ''),
  );

const QUOTED = /(["'`])((?:(?!\1)[^\\\n])*)\1/g;
const PYTHON_IMPORT = /^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+([\w, ]+)|import[ \t]+([\w., ]+))/gm;

/** Names that a script in another language than shell loads or runs: what it has in quotes, and imports of Python. */
export const codeStrings = (path: string, text: string): string[] => {
  const quoted = [...text.matchAll(QUOTED)].flatMap(([, , value = '']) => value.split(/\s+/));
  const imported = path.endsWith('.py') ? [...text.matchAll(PYTHON_IMPORT)].flatMap(modulesOf) : [];
  return [...quoted.filter((word) => /[\w]/.test(word)), ...imported];
};

/** Files that Python would take for the modules that a script imports, there or not. */
export const modulesBeside = (path: string, text: string): string[] =>
  path.endsWith('.py')
    ? [...text.matchAll(PYTHON_IMPORT)]
        .flatMap(modulesOf)
        .filter((name) => name !== '')
        .flatMap((name) => [`${folderOf(path)}${name}.py`, `${folderOf(path)}${name}/__init__.py`])
    : [];

const modulesOf = ([, from, names = '', plain = '']: readonly (string | undefined)[]): string[] => {
  const pathOf = (module: string): string => module.replace(/^\.+/, '').replaceAll('.', '/');
  if (from === undefined) return plain.split(/[, ]+/).map(pathOf);
  const base = pathOf(from);
  return [base, ...names.split(/[, ]+/).map((name) => (base === '' ? name : `${base}/${name}`))];
};

/** Members that name what is loaded before or beside what is checked. */
const LOADED =
  /["']?\b(?:extends|setup\w*|global(?:Setup|Teardown)|reporters?|require|import|plugins?|presets?|transform|testEnvironment|environment|runner|resolver|snapshotSerializers|jsPlugins|rulesdir|rulePaths|loader|file|globalConfig|importMap|preset|projects|pytest_plugins|moduleNameMapper|preload|prettier)["']?\s*[:=]\s*(\[[^\]]{0,2000}\]|\{[^}]{0,2000}\}|["'`][^"'`\n]*["'`])/g;
const IMPORTED = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*["'`]([^"'`\n]+)["'`]/g;
const NAME_ALONE = /^["']([^"'\n]{1,200})["'];?$/gm;
const PLUGIN = /(?:^|\s)-p\s+([\w.]+)/gm;

/** Of Python: `a.b` is `a/b`. */
const moduleIn = (name: string): string[] =>
  /^[A-Za-z_]\w*(?:\.\w+)+$/.test(name) ? [name.replaceAll('.', '/')] : [];

export const loadedByConfiguration = (text: string): string[] =>
  [
    ...[...text.matchAll(LOADED)].flatMap(([, value = '']) =>
      [...value.matchAll(QUOTED)].flatMap(([, , name = '']) => [name, ...moduleIn(name)]),
    ),
    ...[...text.matchAll(IMPORTED)].map(([, name = '']) => name),
    ...[...text.matchAll(NAME_ALONE)].map(([, name = '']) => name),
    ...[...text.matchAll(PLUGIN)].map(([, name = '']) => name.replaceAll('.', '/')),
  ].map((name) => name.replace(/^<rootDir>\//, '').replace(/^\.(?=\w)/, './'));

/** What code loads or runs out of its repository, as lines that do so. */
export const linesOut = (path: string, text: string): string[] =>
  codeStrings(path, text)
    .filter((word) => leadsOut(word) && word.includes('/'))
    .map((word) => `node ${joined(word.startsWith('/') ? '' : folderOf(path), word)}`.replace(/\/$/, ''))
    .filter((line) => line.startsWith('node ../') || line.includes('workspace/'))
    .map((line) => line.replace(/^node workspace\//, 'node /workspace/'));

/** The packages of the repository that its checks are made of, as far as what is reached names them. */

/** Of one package, files whose texts are looked into; all of them judge. */
const MAX_READ = 50;

export const memberPackages = (members: JudgeMembers, index: PathIndex) => {
  const folders = new Set<string>();
  const files = (folder: string | undefined): readonly string[] => {
    if (folder === undefined || folders.has(folder)) return [];
    folders.add(folder);
    return index.below(folder).filter(isPartOfMember).slice(0, MAX_READ);
  };
  return {
    /** Files to look into of those that a text in a folder loads. */
    loadedBy: (folder: string, text: string): readonly string[] =>
      loadedByConfiguration(text).flatMap((name) =>
        files(members.named(name) ?? members.holding(joined(folder, name))),
      ),
    started: (programs: readonly string[]): readonly string[] =>
      programs.flatMap((program) => files(members.bringing(program))),
    /** Whether a file is of such a package, there or not. */
    has: (path: string): boolean =>
      folders.size > 0 && isPartOfMember(path) && foldersAbove(path).some((one) => folders.has(`${one}/`)),
  };
};
