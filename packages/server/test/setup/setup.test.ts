/** An ordinary npm project, declared to nobody: what it depends on is there for its agent and its gate, installed once. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { dataOf, type Event, type Workspace } from '@berth/contract';
import type { Prebuild } from '@berth/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitFiles, git, hubOf, makeRepository } from '../system/repository.ts';
import { createWorld, type SystemWorld, until } from '../system/server.ts';
import { COMPLETED, endOf, runTask, steps } from '../system/tasks.ts';

/** The registry of whoever runs this test, named to the server so that it may also be a private one. */
const REGISTRY = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
const DEPENDENCY = 'is-number';
const FILES = {
  'package.json': JSON.stringify({
    ...{ name: 'counting', private: true, type: 'module', scripts: { test: 'node --test' } },
    dependencies: { [DEPENDENCY]: '7.0.0' },
  }),
  '.gitignore': '*.log\n',
  'count.test.js': [
    "import assert from 'node:assert';",
    "import { test } from 'node:test';",
    `import isNumber from '${DEPENDENCY}';`,
    "test('a number is one', () => assert.equal(isNumber('42'), true));",
    '',
  ].join('\n'),
};

/** What the operator's own programs trust, if anything beyond what comes with them. */
const TRUSTED = process.env.NODE_EXTRA_CA_CERTS ?? '/etc/ssl/certs/ca-certificates.crt';

/** A folder of the operator that nobody else may enter, with a toolchain and a bundle of certificates. */
let own: string;
let world: SystemWorld;
let source: string;
let workspace: Workspace;

beforeAll(async () => {
  own = mkdtempSync(join(tmpdir(), 'berth-operator-'));
  mkdirSync(join(own, 'toolchain/bin'), { recursive: true });
  writeFileSync(join(own, 'toolchain/bin/go'), '#!/bin/sh\necho "the operator\'s own"\n', { mode: 0o755 });
  const env: Record<string, string> = {
    npm_config_registry: REGISTRY,
    PATH: `${join(own, 'toolchain/bin')}:${process.env.PATH}`,
  };
  if (existsSync(TRUSTED)) {
    copyFileSync(TRUSTED, join(own, 'trusted.pem'));
    env.NODE_EXTRA_CA_CERTS = join(own, 'trusted.pem');
  }
  const defaults = { keepAliveMs: 0 };
  world = await createWorld({ env, config: { defaults } });
  source = makeRepository(world.folder, 'counting', FILES);
  lock('Lock what it depends on');
  workspace = await world.client.workspaces.create({ repositories: [{ source }] });
}, 120_000);
afterAll(async () => {
  await world?.end();
  rmSync(own, { recursive: true, force: true });
}, 60_000);

/** Writes the lock file that npm would write, and commits it. */
const lock = (message: string): void => {
  execFileSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: source, stdio: 'pipe' });
  commitFiles(source, {}, message);
};

const prebuilds = () => world.rows<Prebuild>('prebuilds');
const setupsIn = (events: readonly Event[]): readonly unknown[] =>
  stagesIn(events).flatMap(({ durationMs, detail }) => (durationMs === undefined ? [] : [detail]));
const stagesIn = (events: readonly Event[]) =>
  events.flatMap((event) => {
    const told = dataOf(event, 'attempt.progressed');
    return told?.stage === 'setup' ? [told] : [];
  });

const work = (name: string) =>
  runTask(world.client, {
    ...{ workspaceId: workspace.id, agent: 'scripted' },
    prompt: steps(
      { run: `node -e "import('${DEPENDENCY}').then(() => console.log('found'))"` },
      { write: { path: name, content: 'work\n' } },
    ),
  });

test('its dependencies are installed for the agent and the gate, shown as a stage, and not committed', async () => {
  const { task, events } = await work('one.txt');
  expect(endOf(task)).toEqual(COMPLETED);
  expect(setupsIn(events)).toEqual(['npm ci']);
  expect(prebuilds()).toMatchObject([{ state: 'ready', layer: expect.any(String) }]);
  expect(git(hubOf(workspace), 'diff', '--name-only', 'main~1', 'main')).toBe('one.txt');
}, 180_000);

test('a second task starts from the same layer', async () => {
  const { task, events } = await work('two.txt');
  expect(endOf(task)).toEqual(COMPLETED);
  expect(setupsIn(events)).toEqual([]);
  expect(prebuilds()).toHaveLength(1);
}, 120_000);

test('a changed lock file makes a new layer', async () => {
  git(source, 'pull', '--quiet', '--ff-only', hubOf(workspace), 'main');
  const manifest = { ...JSON.parse(FILES['package.json']), dependencies: { [DEPENDENCY]: '6.0.0' } };
  commitFiles(source, { 'package.json': JSON.stringify(manifest) }, 'Depend on an older one');
  lock('Lock the older one');
  const { task, events } = await work('three.txt');
  expect(endOf(task)).toEqual(COMPLETED);
  expect(setupsIn(events)).toEqual(['npm ci']);
  expect(prebuilds().map(({ state }) => state)).toEqual(['ready', 'ready']);
  expect(new Set(prebuilds().map(({ layer }) => layer)).size).toBe(2);
}, 180_000);

test('a set-up that fails ends the task with its log and a hint', async () => {
  const broken = makeRepository(world.folder, 'broken', {
    ...FILES,
    'package-lock.json': '{"lockfileVersion":3}',
  });
  const { id: workspaceId } = await world.client.workspaces.create({ repositories: [{ source: broken }] });
  const { task, events } = await runTask(world.client, {
    workspaceId,
    agent: 'scripted',
    prompt: steps({ say: 'Hello.' }),
  });
  expect(stagesIn(events).map(({ durationMs }) => durationMs)).toEqual([undefined]);
  expect(endOf(task)).toMatchObject({
    state: 'failed',
    code: 'setup.failed',
    message: expect.stringMatching(/npm ci .*before any work: no agent was started/),
  });
  await until(
    'nothing of it is left',
    async () => (await world.client.sandboxes.list({ state: 'running' })).rows.length === 0,
  );
}, 120_000);

test('toolchains and certificates of the operator are seen inside, the folder they are in is not', async () => {
  const { id } = await world.client.sandboxes.create({});
  const run = async (shell: string) => (await world.client.sandboxes.exec({ id, shell })).stdout?.trim();
  expect(await run('command -v go && go')).toBe("/opt/berth/toolchains/go/bin/go\nthe operator's own");
  expect(await run('echo > /opt/berth/toolchains/go/bin/more || echo refused')).toBe('refused');
  expect(await run(`ls ${own} || echo absent`)).toBe('absent');
  if (!existsSync(TRUSTED)) return;
  expect(await run('grep -c BEGIN "$NODE_EXTRA_CA_CERTS"; echo "$NODE_EXTRA_CA_CERTS"')).toMatch(
    /^[1-9]\d*\n\/opt\/berth\/certificates\//,
  );
}, 60_000);
