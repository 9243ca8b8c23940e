/**
 * Product code runs in the process of the tests that load it. However it ends them or disarms their assertions, the run
 * with altered tests passes as well, and then a person is asked.
 */
import type { Workspace } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Files, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, endOf, eventAfter, runTask, steps } from './tasks.ts';

const SUM = 'export const sum = (a, b) => a + b;\n';
const manifest = (line: string): string =>
  JSON.stringify({ name: 'app', type: 'module', scripts: { test: line } });
const tested = (name: string, call: string, product = '../src/sum.js'): string =>
  `import assert from 'node:assert';\nimport { test } from 'node:test';\nimport { sum } from '${product}';\ntest('${name}', () => ${call});\n`;

const PROGRAM: Files = {
  'package.json': manifest('node test/all.js'),
  'src/sum.js': SUM,
  'test/all.js':
    "import assert from 'node:assert';\nimport { sum } from '../src/sum.js';\nassert.equal(sum(1, 2), 3);\n",
};
const RUNNER: Files = {
  'package.json': manifest('node --test'),
  'src/sum.js': SUM,
  'test/sum.test.js': tested('adds', 'assert.equal(sum(1, 2), 3)'),
  'test/more.test.js': tested('adds more', 'assert.equal(sum(2, 2), 4)'),
  'test/any.test.js': tested('is there', 'assert.ok(sum)'),
};
const PYTHON: Files = {
  'app.py': 'def add(a, b):\n    return a + b\n',
  'test_app.py':
    'import unittest\nfrom app import add\n\nclass Adds(unittest.TestCase):\n    def test_adds(self):\n        self.assertEqual(add(1, 2), 3)\n',
};

let world: SystemWorld;
const workspaces: Record<string, Workspace> = {};
beforeAll(async () => {
  world = await createWorld({ config: { defaults: { keepAliveMs: 0 } } });
  const add = async (name: string, files: Files, run: string, more = {}): Promise<void> => {
    const source = makeRepository(world.folder, name, files);
    const gate = { commands: [{ name: 'test', run }], ...more };
    workspaces[name] = await world.client.workspaces.create({ name, repositories: [{ source }], gate });
  };
  await add('program', PROGRAM, 'npm test');
  await add('runner', RUNNER, 'npm test');
  await add('python', PYTHON, 'python3 -m unittest -v');
  await add('trusting', PROGRAM, 'npm test', { alteredTests: false });
}, 60_000);
afterAll(() => world?.end(), 60_000);

const wanted = (workspace: string, command: string) => ({
  workspaceId: workspaces[workspace]?.id ?? '',
  agent: 'scripted',
  prompt: steps({ run: command }),
  maxRounds: 1,
});

/** What is weakened by a change that waits; empty if it has landed. */
const asked = async (workspace: string, command: string): Promise<string[]> => {
  const { client } = world;
  const { lastSeq } = await client.system.stats();
  const { id } = await client.tasks.create(wanted(workspace, command));
  const ends = ['task.approval_asked', 'task.completed', 'task.failed'];
  await eventAfter(client, lastSeq, ({ type, subject }) => subject === id && ends.includes(type));
  const { rows } = await client.changes.list({ taskId: id });
  const [change] = rows.filter(({ state }) => state === 'waiting');
  expect(endOf(await client.tasks.get({ id })).code).toBeUndefined();
  return (change?.weakened ?? []).map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`);
};

const BREAK = 'sed -i "s/a + b/a - b/" src/sum.js';
const PATCH = "import a from 'node:assert'; if (process.argv[1].endsWith('sum.test.js')) a.equal = () => {};";

test('product code that ends or disarms its tests is found by the run that must fail', async () => {
  const attacks: readonly (readonly [string, string, RegExp])[] = [
    ['program', `${BREAK} && echo '(process).exit(0);' >> src/sum.js`, /^tests_disarmed test: `npm test` /],
    // Only in one of the files, so that the run fails.
    [
      'runner',
      `${BREAK} && sed -i 's/a - b/a === 1 ? a - b : a + b/' src/sum.js && echo "${PATCH}" >> src/sum.js`,
      /^tests_disarmed test: `adds` passes although/,
    ],
    [
      'python',
      `sed -i "s/a + b/a - b/" app.py && printf 'import unittest\\nc = unittest.TestCase\\nc.assertEqual = lambda *a, **k: None\\n' >> app.py`,
      /^tests_disarmed test: `python3 -m unittest -v` /,
    ],
  ];
  const found = await Promise.all(attacks.map(([workspace, command]) => asked(workspace, command)));
  for (const [index, [workspace, , reason]] of attacks.entries())
    expect(found[index], workspace).toContainEqual(expect.stringMatching(reason));
}, 120_000);

test('honest changes ask nobody, and what they ran says so; without the run nothing is found', async () => {
  const honest: readonly (readonly [string, string])[] = [
    ['program', `echo 'export const twice = (a) => sum(a, a);' >> src/sum.js`],
    ['runner', `sed -i 's/a + b/b + a/' src/sum.js`],
    ['python', `printf 'def twice(a):\\n    return add(a, a)\\n' >> app.py`],
    ['trusting', `${BREAK} && echo '(process).exit(0);' >> src/sum.js`],
  ];
  const ended = await Promise.all(
    honest.map(([workspace, command]) => runTask(world.client, wanted(workspace, command))),
  );
  const runs = await Promise.all(
    ended.map(async ({ task }) => {
      const [change] = (await world.client.changes.list({ taskId: task.id })).rows;
      const { altered } = await world.client.gates.get({ id: change?.gateRunId ?? '' });
      return [endOf(task), altered?.map(({ exitCode }) => exitCode !== 0)];
    }),
  );
  expect(runs).toEqual([...honest.slice(0, 3).map(() => [COMPLETED, [true]]), [COMPLETED, undefined]]);
}, 120_000);
