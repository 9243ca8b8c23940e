/** Names that scripts, recipes and configuration refer to, in the syntax of their languages. */

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

/** The program that reads shell lines from a file of this name. */
export const runnerOf = (path: string): string | undefined =>
  RECIPES.find(([name]) => name.test(nameOf(path)))?.[1];

/** Lines of a Makefile, justfile, Taskfile or similar, without the prefix of a shell line. */
export const recipeLines = (text: string): string[] =>
  shellLines(text).map((line) =>
    line.replace(/^\s*(?:-\s+)?(?:"?[\w.-]+"?\s*(?:[:+?]?=|:(?=\s|$))\s*)?[\s>|[{"'@+-]*/, ''),
  );

const QUOTED = /(["'`])((?:(?!\1)[^\\\n])*)\1/g;
const PYTHON_IMPORT = /^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+([\w, ]+)|import[ \t]+([\w., ]+))/gm;

/** Names that a non-shell script loads or runs: its quoted strings and, for Python, its imports. */
export const codeStrings = (path: string, text: string): string[] => {
  const quoted = [...text.matchAll(QUOTED)].flatMap(([, , value = '']) => value.split(/\s+/));
  const imported = path.endsWith('.py') ? [...text.matchAll(PYTHON_IMPORT)].flatMap(modulesOf) : [];
  return [...quoted.filter((word) => /[\w]/.test(word)), ...imported];
};

/** Files that Python would load for a script's imports, whether or not they exist. */
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

/** Keys that name files loaded before or along with the checked code. */
const LOADED =
  /["']?\b(?:extends|setup\w*|global(?:Setup|Teardown)|reporters?|require|import|plugins?|presets?|transform|testEnvironment|environment|runner|resolver|snapshotSerializers|jsPlugins|rulesdir|rulePaths|loader|file|globalConfig|importMap|preset|projects|pytest_plugins|moduleNameMapper|preload|prettier)["']?\s*[:=]\s*(\[[^\]]{0,2000}\]|\{[^}]{0,2000}\}|["'`][^"'`\n]*["'`])/g;
const IMPORTED = /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\()\s*["'`]([^"'`\n]+)["'`]/g;
const NAME_ALONE = /^["']([^"'\n]{1,200})["'];?$/gm;
const PLUGIN = /(?:^|\s)-p\s+([\w.]+)/gm;

/** Python: `a.b` stands for `a/b`. */
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

/** Lines that stand for what code loads or runs outside its repository. */
export const linesOut = (path: string, text: string): string[] =>
  codeStrings(path, text)
    .filter((word) => leadsOut(word) && word.includes('/'))
    .map((word) => `node ${joined(word.startsWith('/') ? '' : folderOf(path), word)}`.replace(/\/$/, ''))
    .filter((line) => line.startsWith('node ../') || line.includes('workspace/'))
    .map((line) => line.replace(/^node workspace\//, 'node /workspace/'));

/** Files of one package whose texts are read; all of its files judge. */
const MAX_READ = 50;

/** The repository's own packages that its checks consist of, as far as reached files name them. */
export const memberPackages = (members: JudgeMembers, index: PathIndex) => {
  const folders = new Set<string>();
  const files = (folder: string | undefined): readonly string[] => {
    if (folder === undefined || folders.has(folder)) return [];
    folders.add(folder);
    return index.below(folder).filter(isPartOfMember).slice(0, MAX_READ);
  };
  return {
    /** Files to read among those that a text in a folder loads. */
    loadedBy: (folder: string, text: string): readonly string[] =>
      loadedByConfiguration(text).flatMap((name) =>
        files(members.named(name) ?? members.holding(joined(folder, name))),
      ),
    started: (programs: readonly string[]): readonly string[] =>
      programs.flatMap((program) => files(members.bringing(program))),
    /** Whether a path, existing or not, belongs to such a package. */
    has: (path: string): boolean =>
      folders.size > 0 && isPartOfMember(path) && foldersAbove(path).some((one) => folders.has(`${one}/`)),
  };
};
