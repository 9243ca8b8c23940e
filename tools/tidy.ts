/**
 * Rules beyond the linter: names, words, calls and documents. What Biome can check (sizes of files and functions,
 * parameters, console, process.env) is in biome.json. Each rule reads one file; `tidy.test.ts` plants a violation of
 * every one.
 */
import { posix } from 'node:path';
import { isCode, isProduction, isTest, type Problem, type TreeFile } from './tree.ts';

interface Tree {
  readonly has: (path: string) => boolean;
  /** Whether any file's path is, or ends with, this one; `*` stands for part of a name. */
  readonly hasNamed: (name: string) => boolean;
}

export interface TidyRule {
  readonly name: string;
  readonly applies: (path: string) => boolean;
  /** Problems of the file, one sentence each. */
  readonly check: (file: TreeFile, tree: Tree) => readonly string[];
}

/** Names too generic to mean anything. */
const VAGUE_NAMES = /^(?:utils?|helpers?|common|shared|managers?|services?|misc|lib)$/;
const VAGUE_EXPORTS =
  /^export\s+(?:const|function|class|interface|type)\s+(\w*(?:Utils?|Helpers?|Manager|Service))\b/gm;

/** Words that mark unfinished work. */
const UNFINISHED = /\b(?:for now|not yet implemented|simplified version|dummy implementation)\b/gi;
const OWED = /\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/g;

/** A saga name with its version, outside a comment. After the next version such code would miss runs. */
const SAGA_VERSION = /['"][a-z]+\.[a-z_]+@\d+['"]/g;

/** Paths and names that exist only on the author's machine. */
const PRIVATE_PLACES = /(?<![\w.$}/-])\/(?:work|shared|root)\/[\w.-]+|\/tmp\/(?:bash_jobs|brief)/g;

/** What decides from the file system what is there, and then removes, ends or gives up. */
const LOOKERS = /^packages\/(?:plugins\/src\/(?:drivers|linux)|server\/src\/(?:git\/hub|home|store))\//;
/** What these do not find they only report: programs on a search path, and the folder to import. */
const SEARCHES: readonly string[] = [
  'packages/plugins/src/drivers/oci/identity.ts',
  'packages/plugins/src/drivers/oci/runtime/engines.ts',
  'packages/server/src/git/hub/import.ts',
];
/** A look at the file system with a value for every failure. */
const SWALLOWED_LOOK =
  /\b((?:readFile|readdir|readlink|lstat|stat|access|realpath|open)\([^;{}]*?\)\s*\.(?:catch\(\s*\(\)|then\(\s*\(\) => true,\s*\(\)))\s*=>|\b(existsSync)\(/g;

export const TOUR: readonly string[] = [
  'packages/contract/src/api.ts',
  'packages/core/src/workflows/machine/create-sandbox.ts',
  'packages/core/src/reconcilers/sandboxes.ts',
  'packages/plugins/src/drivers/memory.ts',
  'packages/server/src/main.ts',
];
const TOUR_LINES = 700;

/** Where programs may be started on the host: for the server, by drivers, and to build one. */
const STARTERS: readonly string[] = [
  'packages/server/src/system/host-processes.ts',
  'packages/server/src/system/kernel-lock.ts',
  'packages/plugins/src/drivers/host/index.ts',
  'packages/plugins/src/drivers/host/user.ts',
  'packages/plugins/src/drivers/oci/runtime/fork-server.ts',
  'packages/plugins/src/linux/system-program.ts',
];

/** The queue on the store's own rows, and the store. */
const QUEUE_AND_STORE: readonly string[] = [
  'packages/core/src/kernel/queue/',
  'packages/core/src/kernel/store/',
  'packages/server/src/store/',
];

/** Laws and conformance suites are tests that others run. */
const isSuite = (path: string) => /\/(?:testkit\/conformance|testing)\//.test(path);

const isDocument = (path: string) => path.endsWith('.md');
/** The rules and their planted violations contain what they forbid. */
const isOwnRules = (path: string) => path.startsWith('tools/tidy') || path.startsWith('tools/lint.test');

export const TIDY_RULES: readonly TidyRule[] = [
  {
    name: 'names-say-something',
    applies: isCode,
    check: ({ path, text }) =>
      [...path.split(/[/._-]/).filter((word) => VAGUE_NAMES.test(word)), ...matches(VAGUE_EXPORTS, text)].map(
        (name) => `"${name}" could hold anything; name the idea`,
      ),
  },
  {
    name: 'files-are-kebab-case',
    applies: isCode,
    check: ({ path }) =>
      /^[a-z0-9_][a-z0-9-]*(?:\.[a-z0-9-]+)+$/.test(posix.basename(path))
        ? []
        : ['the name is not kebab-case'],
  },
  {
    name: 'errors-have-a-code',
    applies: (path) => isProduction(path) && !path.startsWith('tools/') && !isSuite(path),
    check: ({ text }) =>
      matches(/\b(?:throw|reject\()\s*new Error\(/g, text).map(
        () => 'bare Error; use fail(code, data), or assert',
      ),
  },
  {
    name: 'no-catch-is-empty',
    applies: isCode,
    check: ({ text }) =>
      matches(/catch\s*(?:\([^)]*\)\s*)?\{(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*\}/g, text).map(
        () => 'empty catch; handle it, or say in code what is ignored and why',
      ),
  },
  {
    name: 'only-missing-is-absent',
    applies: (path) => isProduction(path) && LOOKERS.test(path) && !SEARCHES.includes(path),
    check: ({ text }) =>
      matches(SWALLOWED_LOOK, text).map(
        (call) => `${call}: any failure counts as absence, and what is only unreadable would be removed`,
      ),
  },
  {
    name: 'programs-start-in-one-place',
    applies: (path) =>
      isProduction(path) && /^packages\/(?:server|plugins)\//.test(path) && !STARTERS.includes(path),
    check: ({ text }) =>
      matches(/from '(?:node:child_process|execa)'/g, text).map(
        () => 'starts a program on the host, which must be killed with all its children; use HostProcesses',
      ),
  },
  {
    name: 'shells-inside-have-a-path',
    applies: (path) => isProduction(path) && !isSuite(path),
    check: ({ text }) =>
      matches(/argv: \['((?:ba|da)?sh)'/g, text).map(
        (shell) => `${shell} is looked up on a PATH that a layer can write to; use /bin/sh`,
      ),
  },
  {
    name: 'nothing-is-owed',
    applies: isCode,
    check: ({ text }) => [
      ...matches(OWED, text).map((word) => `${word} without an issue; write ${word}(#number)`),
      ...matches(UNFINISHED, text).map((words) => `"${words}": finish it`),
    ],
  },
  {
    name: 'versions-are-said-once',
    applies: (path) => isProduction(path) && !isSuite(path),
    check: ({ text }) =>
      matches(SAGA_VERSION, text).map((name) => `${name} names a version; use the family of the saga`),
  },
  {
    name: 'jobs-belong-to-the-queue',
    applies: (path) =>
      isProduction(path) && !isSuite(path) && !QUEUE_AND_STORE.some((folder) => path.startsWith(folder)),
    check: ({ text }) =>
      matches(/\btable(?:\(|: )'jobs'/g, text).map(
        () => 'reads the rows of the queue, which another queue implementation lacks; use Queue.find',
      ),
  },
  {
    name: 'one-way-to-the-screen',
    applies: (path) =>
      path.startsWith('packages/cli/src/') && isProduction(path) && !/\/(?:main|screen)\.ts$/.test(path),
    check: ({ text }) =>
      matches(/(?<!\bworld\.)\b(std(?:out|err)\.write|console\.\w+)\(/g, text).map(
        (call) => `${call} bypasses the screen, which sanitises output; use output, or world.${call}`,
      ),
  },
  {
    name: 'no-test-is-skipped',
    applies: isTest,
    check: ({ text }) =>
      matches(/\b(?:test|it|describe)\.(?:skip|only|todo)\b(?!If)/g, text).map(
        (call) => `${call} hides tests`,
      ),
  },
  {
    name: 'no-private-places',
    applies: () => true,
    check: ({ text }) => matches(PRIVATE_PLACES, text).map((place) => `${place} exists on one machine only`),
  },
  {
    name: 'one-title-a-document',
    applies: isDocument,
    check: ({ text }) => {
      const titles = matches(/^# .+$/gm, withoutFences(text)).length;
      return titles === 1 ? [] : [`${titles} titles (# …); a document has one`];
    },
  },
  {
    name: 'links-resolve',
    applies: isDocument,
    check: ({ path, text }, tree) =>
      localLinks(text)
        .filter((link) => !tree.has(posix.join(posix.dirname(path), link)))
        .map((link) => `the link ${link} is broken`),
  },
  {
    name: 'named-files-exist',
    applies: (path) => isCode(path) || isDocument(path),
    check: ({ path, text }, tree) =>
      matches(NAMED_FILE, isDocument(path) ? withoutFences(text) : commentsOf(text))
        .filter((name) => !tree.hasNamed(name))
        .map((name) => `there is no file ${name}`),
  },
];

/** A TypeScript file in backticks; neither a placeholder (`<name>.ts`) nor an ending (`.test.ts`). */
const NAMED_FILE = /`(?:\.{1,2}\/)*((?:[\w.*-]+\/)*[\w*][\w.*-]*\.tsx?)`/g;

const commentsOf = (code: string): string => matches(/^[ \t]*(?:\/?\*|\/\/).*|\s\/\/ .*/gm, code).join('\n');

export const tidyProblems = (files: readonly TreeFile[]): Problem[] => {
  const tree = treeOf(files);
  return files
    .filter(({ path }) => !isOwnRules(path))
    .flatMap((file) =>
      TIDY_RULES.filter((rule) => rule.applies(file.path)).flatMap((rule) =>
        rule.check(file, tree).map((message) => ({ path: file.path, message: `${rule.name}: ${message}` })),
      ),
    );
};

/** The five files that a newcomer reads first take half an hour. */
export const tourProblems = (files: readonly TreeFile[]): Problem[] => {
  const stops = TOUR.map((path) => ({ path, text: files.find((file) => file.path === path)?.text }));
  const lines = stops.reduce((sum, { text }) => sum + (text?.trimEnd().split('\n').length ?? 0), 0);
  return [
    ...stops
      .filter(({ text }) => text === undefined)
      .map(({ path }) => ({ path, message: 'the-tour-is-short: this stop is missing' })),
    ...(lines <= TOUR_LINES
      ? []
      : [{ path: 'ARCHITECTURE.md', message: `the-tour-is-short: ${lines} lines, at most ${TOUR_LINES}` }]),
  ];
};

/** The right column of the glossary lists words replaced by the one in its left column. */
export const wordProblems = (files: readonly TreeFile[]): Problem[] => {
  const glossary = files.find(({ path }) => path === GLOSSARY)?.text ?? '';
  const better = new Map(
    glossary.split('\n').flatMap((line) => {
      const [, term = '', , avoid = ''] = line.split('|').map((cell) => cell.trim());
      return term === 'term' || avoid === '' ? [] : avoid.split(', ').map((word) => [word, term] as const);
    }),
  );
  if (better.size === 0) return [{ path: GLOSSARY, message: 'words-of-the-glossary: it avoids nothing' }];
  const avoided = new RegExp(`\\b(${[...better.keys()].join('|').toLowerCase()})(?:s|es)?\\b`, 'g');
  const hasWords = (path: string) => isProduction(path) || isDocument(path);
  return files
    .filter(({ path }) => hasWords(path) && path !== GLOSSARY && !isOwnRules(path))
    .flatMap(({ path, text }) =>
      matches(avoided, asWords(text)).map((word) => {
        const term = [...better].find(([name]) => name.toLowerCase() === word.toLowerCase())?.[1];
        return { path, message: `words-of-the-glossary: "${word}"; ${GLOSSARY} has "${term}"` };
      }),
    );
};

const GLOSSARY = 'CONTEXT.md';

/** Names split into words: `branchWish`, `BRANCH_WISH` and `branch-wish` contain the same words. */
const asWords = (text: string): string =>
  text
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_-]/g, ' ')
    .toLowerCase();

const matches = (pattern: RegExp, text: string): string[] =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? match[0]);

const withoutFences = (text: string) => text.replace(/^```[\s\S]*?^```/gm, '');

const localLinks = (text: string): string[] =>
  matches(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g, withoutFences(text)).filter((link) => !/^[a-z]+:/.test(link));

const treeOf = (files: readonly TreeFile[]): Tree => {
  const known = new Set(files.flatMap(({ path }) => [path, ...foldersOf(path)]));
  const endings = new Set(files.flatMap(({ path }) => endingsOf(path)));
  return {
    has: (path) => known.has(path.replace(/\/$/, '')),
    hasNamed: (name) =>
      name.includes('*') ? [...endings].some((ending) => posix.matchesGlob(ending, name)) : endings.has(name),
  };
};

const endingsOf = (path: string): string[] => {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(index).join('/'));
};

const foldersOf = (path: string): string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
};
