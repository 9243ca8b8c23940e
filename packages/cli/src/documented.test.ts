/** Every `berth …` that a document or a message names is a command, with options that it has. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from './program.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const DOCUMENTS = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });

const world = {
  env: {},
  cwd: '/',
  isRoot: false,
  input: async () => '',
  stdout: { write: () => undefined },
  stderr: { write: () => undefined },
  isTerminal: false,
  onInterrupt: () => () => undefined,
};
const program = createProgram({ world, done: () => undefined });

/** Command lines in code, each up to what a shell ends it with. */
const commandLinesIn = (document: string): readonly string[] => {
  const blocks = [...document.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
  const inline = [...document.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, code = '']) => code,
  );
  return [...blocks, ...inline].flatMap((code) =>
    [...code.matchAll(/(?<![\w./@-])berth ([a-z][^|&;)\n`]*)/g)].map(([, words = '']) => words.trim()),
  );
};

/** Where messages with their hints, and comments, are written. */
const SOURCES = globSync('packages/*/src/**/*.{ts,tsx}', {
  cwd: ROOT,
  exclude: (path) => path.endsWith('.test.ts'),
});

/** In back ticks, also those of a template. */
const commandLinesInSource = (source: string): readonly string[] =>
  [...source.matchAll(/\\?`berth ([a-z][^`$\\\n]*)\\?`/g)].map(([, words = '']) => words.trim());

/** What is wrong with a command line; undefined when nothing is. */
const problemOf = (line: string): string | undefined => {
  const [before = ''] = line.replace(/"[^"]*"|'[^']*'/g, 'quoted').split(' -- ');
  const words = before.split(/\s+/);
  let command: Command = program;
  let depth = 0;
  for (const word of words) {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) break;
    command = child;
    depth += 1;
  }
  const next = words[depth];
  const isUnknown = command.commands.length > 0 && next !== undefined && /^[a-z]+$/.test(next);
  if (command === program || isUnknown) return `there is no command "${words.slice(0, depth + 1).join(' ')}"`;
  const known = new Set(['--help', ...command.options.flatMap(({ long, short }) => [long, short])]);
  const unknown = words.find((word) => /^--?[a-z]/.test(word) && !known.has(word.split('=')[0] ?? ''));
  return unknown === undefined ? undefined : `"berth ${command.name()}" has no option ${unknown}`;
};

test.each(DOCUMENTS)('%s', (path) => {
  const problems = commandLinesIn(readFileSync(join(ROOT, path), 'utf8')).flatMap(
    (line) => problemOf(line) ?? [],
  );
  expect(problems).toEqual([]);
});

test('messages of the sources', () => {
  const lines = SOURCES.flatMap((path) => commandLinesInSource(readFileSync(join(ROOT, path), 'utf8')));
  expect(lines.length).toBeGreaterThan(30);
  expect(lines.flatMap((line) => problemOf(line) ?? [])).toEqual([]);
});

test('a command and an option that are not there are found', () => {
  const lines = commandLinesIn(
    'Say `berth fly`, `berth sandbox rm` or\n```sh\nID=$(berth task list --loud | wc)\nberth status\n```\n',
  );
  expect(lines.map(problemOf)).toEqual([
    '"berth list" has no option --loud',
    undefined,
    'there is no command "fly"',
    'there is no command "sandbox rm"',
  ]);
});
