/**
 * Commands of a gate that need each other: the tests get what the build has made, and nothing by which the product's
 * code, which the build runs, could answer for them.
 */
import type { Workspace } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, endOf, runTask, steps } from './tasks.ts';

const MADE = ['dist/deep/made', 'src/made.js', 'node_modules/.made/index.js'];

const TEST = [
  "import { equal } from 'checker';",
  "import { existsSync } from 'node:fs';",
  "import { test } from 'node:test';",
  "import { sum } from './dist/sum.js';",
  "test('adds', () => equal(sum(2, 3), 5));",
  `for (const path of ${JSON.stringify(MADE)}) test(path, () => equal(existsSync(path), true));`,
  '',
].join('\n');

/** Stands for a program or a shell that runs the tests: says that all is well. */
const GREEN = '#!/bin/sh\necho "# tests 2"; echo "# pass 2"; exit 0\n';

/** On loading, which the build does, the product writes all of these. */
const planting = (plants: Readonly<Record<string, string>>, sign: string): string =>
  [
    "import { mkdirSync, writeFileSync } from 'node:fs';",
    "import { dirname } from 'node:path';",
    `for (const [path, text] of Object.entries(${JSON.stringify(plants)})) {`,
    '  const place = path.replace("~", process.env.HOME);',
    '  mkdirSync(dirname(place), { recursive: true });',
    '  writeFileSync(place, text, { mode: 0o755 });',
    '}',
    `export const sum = (a, b) => a ${sign} b;`,
    '',
  ].join('\n');

const PLANTS: Readonly<Record<string, string>> = {
  // Programs and settings in the home folder and beside it.
  ...{ '~/.local/bin/npm': GREEN, '~/.local/bin/node': GREEN },
  ...{ '~/.npmrc': 'script-shell=/tmp/shell\n', '/tmp/shell': GREEN },
  // A program among the dependencies, and a dependency.
  'node_modules/.bin/node': GREEN,
  'node_modules/checker/index.js': 'export const equal = () => undefined;\n',
  // Settings beside the files of the commit, and a test of it.
  ...{ '.npmrc': 'script-shell=./shell\n', shell: GREEN },
  'sum.test.js': "import 'node:test';\n",
};

let world: SystemWorld;
let workspace: Workspace;

beforeAll(async () => {
  world = await createWorld({ config: { defaults: { keepAliveMs: 0 } } });
  const source = makeRepository(world.folder, 'sums', {
    'package.json': JSON.stringify({
      name: 'sums',
      type: 'module',
      scripts: { build: 'node scripts/build.js', test: 'node --test' },
    }),
    'scripts/build.js': [
      "import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';",
      "import '../src/sum.js';",
      "for (const path of ['dist/deep', 'node_modules/.made']) mkdirSync(path, { recursive: true });",
      "copyFileSync('src/sum.js', 'dist/sum.js');",
      `for (const path of ${JSON.stringify(MADE)}) writeFileSync(path, '');`,
      '',
    ].join('\n'),
    'src/sum.js': 'export const sum = (a, b) => a + b;\n',
    'sum.test.js': TEST,
    '.gitignore': 'dist/\nnode_modules/\n',
  });
  const checker = [
    'mkdir -p node_modules/checker',
    `echo '{"type":"module"}' > node_modules/checker/package.json`,
    `echo "export { equal } from 'node:assert/strict';" > node_modules/checker/index.js`,
  ];
  workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: [checker.join(' && ')] },
    gate: { profile: 'standard', weakened: 'allow', keep: ['node_modules/.made'] },
  });
}, 120_000);
afterAll(() => world?.end(), 60_000);

const attempt = (product: string) =>
  runTask(world.client, {
    ...{ workspaceId: workspace.id, agent: 'scripted', maxRounds: 1 },
    prompt: steps({ write: { path: 'src/sum.js', content: product } }),
  });

test('nothing that the build plants answers for the tests', async () => {
  const { task } = await attempt(planting(PLANTS, '-'));
  expect(endOf(task)).toMatchObject({ state: 'failed', code: 'gate.red' });
}, 120_000);

test('what it makes beside the files of the commit is there', async () => {
  const product = planting({}, '+');
  const { task } = await attempt(product);
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:src/sum.js')).toBe(product.trim());
}, 120_000);
