import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { detectCommands, GATE_MARKERS } from './detect.ts';
import { matchesGlob } from './glob.ts';
import { memberPaths } from './node-members.ts';
import { programOf } from './program.ts';
import { measureTest, testsRun } from './test-counts.ts';

const filesOf = (texts: Readonly<Record<string, string>>) => ({
  repository: 'app',
  paths: new Set([...Object.keys(texts), 'packages/a/package.json']),
  texts,
});
const STAR = '*'.repeat(16);

test.each<[string, (text: string) => unknown, readonly string[]]>([
  ['what a gate prints', testsRun, ['Tests: 1 a', '1 passed ', '\nok 1', 'OK (']],
  ['a file of tests', measureTest, ['test', 'expect', 'def ']],
  ['the command of a gate', programOf, ['A=', 'A="']],
  [
    'what the detection reads',
    (text) =>
      detectCommands(filesOf(Object.fromEntries(GATE_MARKERS.map((name) => [name, text]))), 'standard'),
    ['a', 'deps', 'packages:\n'],
  ],
  [
    'members of a workspace',
    (text) => memberPaths(filesOf({ 'pnpm-workspace.yaml': `packages:\n${text}` })),
    ['- '],
  ],
  ['a path', (text) => matchesGlob(`${[...STAR].join('a')}b`, text), []],
  ['a pattern', (text) => matchesGlob(text, 'a'.repeat(4096)), []],
])('the time to read grows with the text: %s', (_, read, begins) => {
  expect(slowText(read, { begins })).toBeUndefined();
});

test('the longest output of a gate is read at once', () => {
  const maxCharacters = 2 ** 20;
  const outputs = ['\n', ' \n', '0\n', '1 1111 ', `${'1 '.repeat(400)}\n`].map((text) =>
    text.repeat(maxCharacters / text.length),
  );
  for (const output of outputs) expect(testsRun(`${output}x\n2 passed in 0.1s\n`)).toBe(2);
});
