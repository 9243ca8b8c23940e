/** What shell lines run, as far as can be told without a shell. */
import { matchesGlob } from '../repository/glob.ts';
import { nameOf } from '../repository/path-index.ts';
import { isTool } from '../repository/tools.ts';

const INTERPRETER =
  /^(?:.*\/)?(?:env|sh|bash|dash|zsh|source|\.|exec|node|nodejs|deno|bun|tsx|ts-node|go|java|elixir|pwsh|zig|groovy|python[\d.]*|ruby|perl|php|-?include|sinclude)$/;
/** They run the next word that is neither an option nor a number. */
const WRAPPER =
  /^(?:.*\/)?(?:timeout|nice|time|nohup|stdbuf|setsid|ionice|chrt|taskset|command|xargs|uv|poetry|pipenv|npx)$/;
const PASSED_OVER = /^(?:-.*|[\d.]+[smhd]?|run|exec)$/;
/** The next word is the name of a shell option. */
const NAMES_OPTION = /^[-+][a-z]*o$/;
/** Patterns passed to them name tests, whatever the files are called. */
const TEST_RUNNER = /^(?:.*\/)?(?:--test|mocha|ava|tap|bats)$/;
const READS_FILE =
  /^(?:-c|-f|-p|-r|--(?:config|configuration|config-file|project|file|makefile|require|import|loader|rcfile|rootdir|setup|init-file|settings|env-file|env-file-if-exists))$/;
/** Programs for which options of this kind have another meaning. */
const WORKS_ON_FILES =
  /^(?:test|\[|[ef]?grep|rm|cp|mv|ls|cat|cut|sort|uniq|head|tail|wc|cmp|diff|mkdir|touch|tar|sed|find|chmod|git|date)$/;

export const worksOnFiles = (program: string): boolean => WORKS_ON_FILES.test(program);

const SEPARATOR = /^(?:&&|\|\||;|\||&|\(|\)|\{|\}|then|do|else|!|if|while)$/;

/**
 * Paths that a shell line runs as programs or passes to one as configuration; not those it merely operates
 * on, which are what is judged. After `cd`, a path may be relative to either folder.
 */
export const pathsRunBy = (line: string): string[] => {
  const words = wordsOf(line);
  const paths = words.flatMap((word, index) => {
    const given = /^(--?[\w-]+)=(.+)$/.exec(word);
    if (given !== null) return READS_FILE.test(given[1] ?? '') ? [given[2] ?? ''] : [];
    if (/^-[mp]$/.test(words[index - 1] ?? '') && MODULE.test(word))
      return MODULE_ENDINGS.map((ending) => word.replaceAll('.', '/') + ending);
    return isPlain(word) && isRun(words, index) ? [word] : [];
  });
  const folders = words.flatMap((word, index) => (words[index - 1] === 'cd' ? [`${plainPath(word)}/`] : []));
  return paths.map(plainPath).flatMap((path) => [path, ...folders.map((folder) => `${folder}${path}`)]);
};

const MODULE = /^[A-Za-z_][\w.]*$/;
const MODULE_ENDINGS = ['.py', '/__main__.py', '/__init__.py'];

/** For longer lines, what they run is unknown: see `runsUnknown`. */
export const MAX_LINE_CHARACTERS = 2000;

/**
 * Replaces each expansion that is only known at run time with one word: `$X`, `${X:-y}`, `$(…)` and
 * backquotes.
 */
export const withoutExpansions = (line: string): string =>
  line
    .slice(0, MAX_LINE_CHARACTERS)
    .replace(/\$\((?:[^()]|\([^()]*\))*\)/g, '$COMPUTED')
    .replace(/`[^`]*`/g, '$COMPUTED')
    .replace(/\$\{(\w+)(?:[^\w}][^}]*)?\}/g, '$$$1')
    .replace(/\$\$(?=\w)/g, '$');

const COMPUTED = /^\$[A-Za-z_]\w*$/;

/**
 * Whether an interpreter is given a script by an expansion, or a whole command is one. Arguments of the
 * caller do not count.
 */
export const runsUnknown = (line: string): boolean => {
  if (line.length > MAX_LINE_CHARACTERS) return true;
  const words = wordsOf(withoutExpansions(line));
  return words.some((word, index) => {
    if (!COMPUTED.test(word)) return false;
    const next = words[index + 1];
    const isAlone = isCommand(words, index) && (next === undefined || SEPARATOR.test(next));
    return isAlone || (!isCommand(words, index) && isRunByInterpreter(words, index));
  });
};

const STARTS_PROGRAM = /^(?:npx|bunx|exec|dlx|-m)$/;

/** Names of the programs that a line starts. */
export const programsIn = (line: string): string[] => {
  const words = wordsOf(line);
  return words.filter(
    (word, index) =>
      /^@?[\w-]/.test(word) && (isCommand(words, index) || STARTS_PROGRAM.test(words[index - 1] ?? '')),
  );
};

/** The paths and patterns that a Makefile line includes. */
export const includedBy = (line: string): string[] =>
  /^-?s?include\s/.test(line)
    ? line
        .replace(/\$\(wildcard\s+([^()$]{1,500})\)/g, '$1')
        .split(/\s+/)
        .slice(1)
        .filter((word) => /^[\w./*-]+$/.test(word))
    : [];

const PACKAGE_RUNNER = /^(?:npm|pnpm|yarn|bun|run-[sp]|npm-run-all2?|turbo|nx|lerna|wireit)$/;

export const callsPackageScripts = (line: string): boolean =>
  wordsOf(line).some((word) => PACKAGE_RUNNER.test(word)) || /\bnode\s+--run\b/.test(line);

/** Whether the name of the package script to run is computed. */
export const callsUnknownScript = (line: string): boolean => {
  const words = wordsOf(withoutExpansions(line));
  const at = words.findIndex((word) => PACKAGE_RUNNER.test(word) || word === '--run');
  return at >= 0 && words.slice(at + 1).some((word) => COMPUTED.test(word));
};

/** Folders of the repository on the PATH. */
export const programFolders = (line: string): string[] =>
  [...line.matchAll(/\bPATH=["']?([^\s"';&]+)/g)].flatMap(([, value = '']) =>
    value
      .split(':')
      .map((folder) => folder.replace(/^(?:\$PWD|\$\{PWD\}|\$\(pwd\)|\.)(?:\/|$)/, ''))
      .filter((folder) => /^[\w.-]/.test(folder))
      .map((folder) => `${folder.replace(/\/$/, '')}/`),
  );

/**
 * A predicate for the paths that match patterns passed to a test runner; undefined if there are none. Node
 * also accepts folders.
 */
export const testsRunBy = (line: string): ((path: string) => boolean) | undefined => {
  const words = wordsOf(line);
  const runner = words.findIndex((word) => TEST_RUNNER.test(word));
  if (runner < 0) return undefined;
  const takesFolders = words[runner] === '--test';
  const places = words
    .slice(runner + 1)
    .filter((word) => isPlain(word) && (word.includes('*') || (takesFolders && word.includes('/'))));
  if (places.length === 0) return undefined;
  const patterns = places.map((place) => plainPath(place).replace(/\/$/, ''));
  return (path) => {
    const names = path.split('/');
    const folders = names.map((_, index) => names.slice(0, index + 1).join('/'));
    return folders.some((folder) => patterns.some((pattern) => matchesGlob(pattern, folder)));
  };
};

/** Folders that a line may change to or pass to a program as its working directory. */
export const foldersIn = (line: string): string[] =>
  wordsOf(line)
    .map((word) => plainPath(word.replace(/^--?[\w-]+=/, '')).replace(/\/$/, ''))
    .filter((word) => word !== '' && word !== '.');

const ENTERS = /^(?:cd|pushd|-C|--(?:prefix|dir|cwd|directory))$/;

/** Folders that a line certainly changes to or uses as a working directory. */
export const foldersEntered = (line: string): string[] => {
  const words = wordsOf(line).flatMap((word) => (/^--[a-z]+=/.test(word) ? word.split('=', 2) : [word]));
  return words
    .filter((_, index) => ENTERS.test(words[index - 1] ?? ''))
    .map((word) => plainPath(word).replace(/\/$/, ''))
    .filter((word) => word !== '');
};

const isPlain = (word: string): boolean =>
  !SEPARATOR.test(word) && !word.startsWith('-') && !ASSIGNMENT.test(word);
/** Also strips `$(dirname "$0")`. */
const plainPath = (path: string): string =>
  path.replace(/^(?:\.?\/)+/, '').replace(/^\$(?:PWD|COMPUTED)\//, '');

const ASSIGNMENT = /^[A-Za-z_]\w*=/;

const isCommand = (words: readonly string[], index: number): boolean => {
  const before = words[index - 1];
  return before === undefined || SEPARATOR.test(before) || ASSIGNMENT.test(before);
};

const isRun = (words: readonly string[], index: number): boolean => {
  const before = words[index - 1];
  if (before === undefined || isCommand(words, index)) return true;
  const isRead = READS_FILE.test(before) && !WORKS_ON_FILES.test(programOf(words, index));
  return isRead || isRunByInterpreter(words, index);
};

const programOf = (words: readonly string[], index: number): string => {
  const start = words.slice(0, index).findLastIndex((word) => SEPARATOR.test(word)) + 1;
  return words.slice(start).find((word) => !ASSIGNMENT.test(word)) ?? '';
};

/** Whether a word is an argument of a tool that judges, and thus checked by it rather than part of it. */
export const isGivenToTool = (words: readonly string[], index: number): boolean => {
  const start = words.slice(0, index).findLastIndex((word) => SEPARATOR.test(word)) + 1;
  const program = words
    .slice(start, index)
    .find((word) => !ASSIGNMENT.test(word) && !WRAPPER.test(word) && !PASSED_OVER.test(word));
  return program !== undefined && isTool(nameOf(program));
};

/** Further options do not precede a script. */
const MAX_OPTIONS = 20;

/** The first non-option word after an interpreter or a wrapper that runs other programs. */
const isRunByInterpreter = (words: readonly string[], index: number): boolean => {
  for (let at = index - 1; at >= Math.max(0, index - MAX_OPTIONS); at -= 1) {
    const word = words[at] ?? '';
    const isInterpreter = COMPUTED.test(word) ? isCommand(words, at) : INTERPRETER.test(word);
    if (isInterpreter || isWrapped(words.slice(0, index), at)) return true;
    const isOption = word.startsWith('-') || NAMES_OPTION.test(words[at - 1] ?? '');
    if (!isOption && !PASSED_OVER.test(word)) return false;
  }
  return false;
};

const isWrapped = (before: readonly string[], at: number): boolean =>
  WRAPPER.test(before[at] ?? '') && before.slice(at + 1).every((word) => PASSED_OVER.test(word));

/** Splits a line into words like a shell, as far as possible without one. */
export const wordsOf = (line: string): string[] =>
  line
    .slice(0, MAX_LINE_CHARACTERS)
    .replace(/(&&|\|\||[;|&(){}\n])/g, (sign) => ` ${sign === '\n' ? ';' : sign} `)
    .split(/[\s"'`]+/)
    .filter((word) => word !== '');
