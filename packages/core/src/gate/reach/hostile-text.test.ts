import { slowText } from '@berth/plugin-api/conformance';
import { expect, test } from 'vitest';
import { cannotFail } from '../plan/always-green.ts';
import { detectCommands, GATE_MARKERS } from '../plan/detect.ts';
import { matchesGlob } from '../repository/glob.ts';
import {
  isConfiguration,
  isOutOfSight,
  isTestCode,
  isTestFile,
  isToolInPlace,
  placeOf,
} from '../repository/judge-paths.ts';
import { lockChanges } from '../repository/lock-files.ts';
import { archived, isIntegrity } from '../repository/lock-origins.ts';
import { memberPaths } from '../repository/node-members.ts';
import { isKnownSpec, isVersion } from '../repository/package-specs.ts';
import { judgingText } from '../repository/project-files.ts';
import { isTool } from '../repository/tools.ts';
import { programOf } from '../run.ts';
import { testsRun } from '../suite/counts.ts';
import { exitNames, testPatches } from '../suite/exit-names.ts';
import { exitsOnLoad } from '../suite/exits.ts';
import { reductionOf, testsWithin } from '../suite/measure.ts';
import { testsFailed, testsPassed } from '../suite/names.ts';
import { suppressionsAdded, suppressionsIn } from '../suite/suppressions.ts';
import { pathsFedTo } from './fed-lines.ts';
import { codeStrings, loadedByConfiguration, modulesBeside, recipeLines } from './judge-texts.ts';
import {
  callsUnknownScript,
  foldersIn,
  pathsRunBy,
  programFolders,
  runsUnknown,
  testsRunBy,
} from './shell-lines.ts';
import { embeddedCode, shellLines } from './shell-text.ts';

const filesOf = (texts: Readonly<Record<string, string>>) => ({
  repository: 'app',
  paths: new Set([...Object.keys(texts), 'packages/a/package.json']),
  texts,
});
const EACH_LANGUAGE = ['a.ts', 'a.py', 'a.rb', 'a.go', 'a.java', 'a.c'];
const STAR = '*'.repeat(16);

test.each<[string, (text: string) => unknown, readonly string[]]>([
  ['what a gate prints', testsRun, ['Tests: 1 a', '1 passed ']],
  ['names that a gate prints', testsPassed, ['✓ a.b > ', 'a::', ' ... ok']],
  ['failures that a gate prints', testsFailed, ['1 failed in 1', 'Tests: 1 ', '1 runs 1 ']],
  ['a file of tests', (text) => reductionOf(text, ''), ['test', "expect('", 'if ']],
  ['tests within a file', (text) => [testsWithin('a.py', text), testsWithin('a.rs', text)], ['>>> a\n']],
  [
    'code that may end its tests',
    (text) => [exitsOnLoad('a.ts', `process.exit(0);${text}`), exitsOnLoad('a.py', `exit(0)\n${text}`)],
    ['f(() => {', '({', "p.on('a', ", 'def a'],
  ],
  [
    'names that end a program',
    (text) => EACH_LANGUAGE.map((name) => [exitNames(name, text), testPatches(name, text)]),
    [
      ...[
        'import {{{exit ',
        'import {',
        'import exit, ',
        "import a from 'process'",
        '{ exit } = ',
        '} = process',
      ],
      ...[
        'process ',
        'process . ',
        'process [',
        'Reflect . a ( process',
        'globalThis . ',
        'assert . a ',
        "assert['",
      ],
      ...[
        'import os as ',
        'from os import ',
        'unittest . a ',
        'setattr ( ',
        '"os"\n',
        'import static ',
        '# define ',
      ],
    ],
  ],
  [
    'suppressions',
    (text) => ['a.ts', 'a.rs', 'a.c'].map((path) => suppressionsAdded([], suppressionsIn(path, text))),
    ['// ', '/**', '#[a', ' * '],
  ],
  ['the command of a gate', programOf, ['A=']],
  [
    'what the detection reads',
    (text) =>
      detectCommands(filesOf(Object.fromEntries(GATE_MARKERS.map((name) => [name, text]))), 'standard'),
    ['deps'],
  ],
  [
    'members of a workspace',
    (text) => memberPaths(filesOf({ 'pnpm-workspace.yaml': `packages:\n${text}` })),
    ['- '],
  ],
  ['a line of a gate', (text) => [pathsFedTo(text), cannotFail(text)], ['xargs ', "-c '", 'grep ', 'a @']],
  ['lines of a shell', (text) => [shellLines(text), embeddedCode(text)], ['cat <<', "sh -c '", 'a \\\n']],
  ['a path', (text) => matchesGlob(`${[...STAR].join('a')}b`, text), []],
  ['a pattern', (text) => matchesGlob(text, 'a'.repeat(4096)), []],
])('the time to read grows with the text: %s', (_, read, begins) => {
  expect(slowText(read, { begins })).toBeUndefined();
});

const EACH_LOCK = ['package-lock.json', 'yarn.lock', 'pnpm-lock.yaml', 'uv.lock'];
const EACH_PROJECT = [
  ...['requirements.txt', 'pyproject.toml', 'setup.cfg', 'Cargo.toml', 'go.mod'],
  ...['build.gradle', 'pom.xml', 'Gemfile', 'composer.json'],
];

test.each<[string, (text: string) => unknown, readonly string[]]>([
  ...EACH_LOCK.map((name): [string, (text: string) => unknown, string[]] => [
    name,
    (text) => lockChanges(name, '', text),
    ['[[package]]\nname = "a"\n', '"a@npm:', 'packages:\n  a@1:\n', 'a@1:\n  resolved "'],
  ]),
  ...EACH_PROJECT.map((name): [string, (text: string) => unknown, string[]] => [
    name,
    (text) => judgingText(name, text),
    [],
  ]),
  ['a script', (text) => [codeStrings('a.py', text), modulesBeside('b/a.py', text)], ['from a import ']],
  ['a configuration', loadedByConfiguration, ['extends: [', 'import ']],
  ['a recipe', recipeLines, ['a = ']],
  ['words of a line', (text) => [pathsRunBy(text), foldersIn(text), programFolders(text)], ['sh ']],
  ['what a line computes', (text) => [runsUnknown(text), callsUnknownScript(text)], ['sh $']],
  ['tests of a line', (text) => testsRunBy(`node --test ${text}`), ['*']],
  ['the path of a test', (path) => [isTestFile(path), isTestCode(path), isOutOfSight(path)], []],
  ['the path of a configuration', (path) => [isConfiguration(path), placeOf(path), isToolInPlace(path)], []],
  ['the name of a package', isTool, []],
  [
    'where a package comes from',
    (text) => [
      ...[isIntegrity(text), isKnownSpec(text), isKnownSpec(`npm:${text}`), isVersion(`1.0.0-${text}`)],
      archived('a', `https://a/${text}`, true),
    ],
    ['sha1-', 'a/', '@a/'],
  ],
])('the time to judge grows with the text: %s', (_, read, begins) => {
  expect(slowText(read, { begins })).toBeUndefined();
});

test('the longest output of a gate is read at once', () => {
  const maxCharacters = 2 ** 20;
  const outputs = [' \n', '1 1111 ', `${'1 '.repeat(400)}\n`].map((text) =>
    text.repeat(maxCharacters / text.length),
  );
  for (const output of outputs) expect(testsRun(`${output}x\n2 passed in 0.1s\n`)).toBe(2);
});
