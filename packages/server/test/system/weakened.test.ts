/** A change cannot choose its judge: what an agent does to tests, scripts and configuration, and who decides then. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Change, dataOf, type Task, type Workspace } from '@berth/contract';
import { createClient } from '@berth/sdk/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitFiles, type Files, git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, endOf, eventAfter, followTask, runTask, steps } from './tasks.ts';

const SHOP: Files = {
  'package.json': JSON.stringify({
    name: 'shop',
    type: 'module',
    scripts: { lint: 'node lint.js', test: 'node --test' },
  }),
  'lint.js': "import './lint.config.js';\n",
  'lint.config.js': '\n',
  'tsconfig.json': '{}',
  'sum.js': 'export const sum = (a, b) => a + b;\n',
  'sum.test.js': [
    "import assert from 'node:assert';",
    "import { test } from 'node:test';",
    "import { sum } from './sum.js';",
    "test('adds', () => assert.equal(sum(2, 3), 5));",
    "test('adds nothing', () => assert.equal(sum(2, 0), 2));",
    '',
  ].join('\n'),
};

let world: SystemWorld;
let found: Workspace;
let declared: Workspace;
let bare: Workspace;
let direct: Workspace;
beforeAll(async () => {
  world = await createWorld({ config: { defaults: { keepAliveMs: 0, gate: 'standard' } } });
  const add = (name: string, commands?: { name: string; run: string }[]) =>
    world.client.workspaces.create({
      name,
      repositories: [{ source: makeRepository(world.folder, name, SHOP) }],
      gate: { commands },
    });
  found = await add('found');
  declared = await add('declared', [{ name: 'test', run: 'npm test' }]);
  direct = await add('direct', [{ name: 'test', run: 'node sum.test.js' }]);
  // A judge that something beside the commit's files can take the place of, as a GNUmakefile does of a Makefile.
  const source = makeRepository(world.folder, 'bare', {
    product: 'good\n',
    'real.txt': 'grep -q good product\n',
  });
  symlinkSync('real.txt', join(source, 'check'));
  commitFiles(source, {}, 'Link');
  bare = await world.client.workspaces.create({
    name: 'bare',
    repositories: [{ source }],
    gate: { commands: [{ name: 'test', run: 'test -e override || sh check' }] },
  });
}, 60_000);
afterAll(() => world?.end(), 60_000);

const run = (command: string) => steps({ run: command });
const waiting = async (workspace: Workspace, command: string): Promise<{ task: Task; change: Change }> => {
  const { client } = world;
  const { lastSeq } = await client.system.stats();
  const { id } = await client.tasks.create({
    workspaceId: workspace.id,
    agent: 'scripted',
    prompt: run(command),
    maxRounds: 1,
  });
  const event = await eventAfter(
    client,
    lastSeq,
    ({ type, subject }) =>
      subject === id && ['task.approval_asked', 'task.completed', 'task.failed'].includes(type),
  );
  const task = await client.tasks.get({ id });
  expect({ type: event.type, state: task.state, error: task.error }).toEqual({
    type: 'task.approval_asked',
    state: 'waiting',
    error: undefined,
  });
  const [change] = (await client.changes.list({ taskId: id })).rows.filter(
    ({ state }) => state === 'waiting',
  );
  if (change === undefined) throw new Error('no change waits');
  expect(dataOf(event, 'task.approval_asked')?.details.changeId).toBe(change.id);
  return { task, change };
};
const reasonsOf = ({ weakened = [] }: Change) => weakened.map(({ kind, subject }) => `${kind} ${subject}`);

const refused = async (attacks: readonly (readonly [Workspace, string, string])[]): Promise<void> => {
  await Promise.all(
    attacks.map(async ([workspace, command, reason]) => {
      const { task, change } = await waiting(workspace, command);
      expect(reasonsOf(change)).toContain(reason);
      await world.client.changes.reject({ id: change.id, reason: 'no' });
      const { task: ended } = await followTask(world.client, task.id, 0);
      expect(endOf(ended)).toMatchObject({ state: 'failed', code: 'change.refused' });
      expect(await world.client.changes.get({ id: change.id })).toMatchObject({
        state: 'rejected',
        decision: { verdict: 'rejected', reason: 'no' },
      });
    }),
  );
  for (const workspace of [found, declared, bare, direct])
    expect(git(hubOf(workspace), 'log', '-1', '--format=%s', 'main')).toMatch(/^(?:Begin|Link)$/);
};

const DELETE = 'rm sum.test.js';
/** A set-up that the target does not have puts something beside what is judged. */
const PLANT = [
  'echo bad > product',
  `echo '{"name":"bare","version":"1.0.0","scripts":{"postinstall":"touch override"}}' > package.json`,
  `echo '{"name":"bare","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"bare","version":"1.0.0","hasInstallScript":true}}}' > package-lock.json`,
].join(' && ');
/** A package that is asked for by its own name gives itself, before any that is installed. */
const REPLACED = `sed -i 's/"shop"/"chai"/' package.json`;
/**
 * No name in the product says what it does: only the runs tell that the tests of the target are missing, or have failed.
 * Tests of the change pass under the same names.
 */
const PROCESS = `globalThis["pro" + "cess"]`;
const BREAK = "sed -i 's/a + b/a - b/' sum.js";
const END = [
  ...[BREAK, `echo '${PROCESS}["ex" + "it"](0);' >> sum.js`],
  "sed -e '/sum.js/d; s/sum(2, 3)/5/; s/sum(2, 0)/2/' sum.test.js > more.test.js",
].join(' && ');
const FORGIVE = [
  BREAK,
  `echo '${PROCESS}.on("ex" + "it", () => ${PROCESS}["reallyEx" + "it"](0));' >> sum.js`,
].join(' && ');
const TRUE = "sed -i 's/node --test/true/' package.json";

test('what is judged does not choose its judge, whether the gate was found or said', async () => {
  const attacks: readonly (readonly [Workspace, string, string])[] = [
    [found, DELETE, 'test_deleted sum.test.js'],
    [declared, DELETE, 'test_deleted sum.test.js'],
    [found, TRUE, 'script_changed test'],
    [declared, TRUE, 'script_changed test'],
    [declared, ': > sum.test.js', 'test_reduced sum.test.js'],
    [declared, "sed -i 's/a + b/a - b/' sum.js && sed -i 's/, 5/, -1/' sum.test.js", 'target_red test'],
    [declared, 'echo "{ }" > tsconfig.json', 'configuration_changed tsconfig.json'],
    [declared, `mkdir attic && git mv sum.test.js attic/sum.txt`, 'test_deleted sum.test.js'],
    [bare, PLANT, 'setup_changed npm ci'],
    [bare, 'echo true > real.txt', 'script_changed check (a link: check leads to real.txt)'],
    [declared, REPLACED, 'configuration_changed package.json: name'],
  ];
  await refused(attacks);
}, 120_000);

test('code of the product cannot end the tests of the target, nor make their failure a success', async () => {
  await refused([
    [declared, END, 'tests_fewer test'],
    [direct, FORGIVE, 'target_red test'],
  ]);
}, 60_000);

test('the next attempt is told why a person said no', async () => {
  const { task, change } = await waiting(found, DELETE);
  const { lastSeq } = await world.client.system.stats();
  await world.client.changes.reject({ id: change.id, reason: 'that test is still needed' });
  const { task: ended } = await followTask(world.client, task.id, lastSeq);
  expect(ended.error?.hint).toContain(`berth task retry ${task.id}`);
  await world.client.tasks.retry({ id: task.id });
  await eventAfter(world.client, lastSeq, (event) => {
    const body = dataOf(event, 'item.changed')?.item.body;
    return body?.kind === 'message' && body.text.includes('that test is still needed');
  });
  await world.client.tasks.cancel({ id: task.id });
}, 90_000);

test('a yes lands exactly what waited, over a restart; a viewer cannot say it, and nobody twice', async () => {
  const { task, change } = await waiting(
    found,
    `node -e "const m = require('./package.json'); delete m.scripts.lint; require('fs').writeFileSync('package.json', JSON.stringify(m))"`,
  );
  expect(reasonsOf(change)).toEqual(['command_removed npm-lint', 'script_changed lint']);
  const gate = await world.client.gates.get({ id: change.gateRunId ?? '' });
  expect(
    gate.evidence.map(({ name, judgedBy, exitCode, tests }) => [name, judgedBy, exitCode, tests]),
  ).toEqual([
    ['npm-lint', 'target', 0, undefined],
    ['npm-test', 'target', 0, 2],
    ['npm-test', 'change', 0, 2],
  ]);
  const { secret } = await world.client.tokens.create({ name: 'looker', role: 'viewer' });
  const viewer = createClient({ address: world.address, token: secret });
  await expect(viewer.changes.approve({ id: change.id })).rejects.toMatchObject({ code: 'auth.forbidden' });
  await world.stop('SIGKILL');
  await world.start();
  const { lastSeq } = await world.client.system.stats();
  expect((await world.client.tasks.get({ id: task.id })).state).toBe('waiting');
  await world.client.changes.approve({ id: change.id });
  await expect(world.client.changes.approve({ id: change.id })).rejects.toMatchObject({
    code: 'state.illegal',
  });
  const { task: ended } = await followTask(world.client, task.id, lastSeq);
  expect(endOf(ended)).toEqual(COMPLETED);
  expect(git(hubOf(found), 'rev-parse', 'main')).toBe(change.parts[0]?.merge);
}, 60_000);

test('what weakens nothing asks nobody', async () => {
  const { task } = await runTask(world.client, {
    workspaceId: declared.id,
    agent: 'scripted',
    prompt: run(
      `echo 'export const twice = (a) => 2 * a;' > twice.js; sed -e 's/sum/twice/g' sum.test.js | sed -e 's/twice(2, 3), 5/twice(2), 4/; s/twice(2, 0)/twice(1)/' > twice.test.js; sed -i 's/adds nothing/adds 0/' sum.test.js`,
    ),
  });
  expect(endOf(task)).toEqual(COMPLETED);
}, 60_000);
