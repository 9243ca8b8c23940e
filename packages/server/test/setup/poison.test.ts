/**
 * A change that has not landed tries to reach other work through what a set-up leaves: programs and settings in the home
 * folder, files of the repository, git's own files, all under the key of an honest change.
 */
import type { Workspace } from '@berth/contract';
import type { Prebuild } from '@berth/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from '../system/repository.ts';
import { createWorld, type SystemWorld } from '../system/server.ts';
import { COMPLETED, endOf, runTask, steps } from '../system/tasks.ts';

const manifest = (version: string): string =>
  JSON.stringify({ name: 'sums', version, scripts: { test: 'node --test', postinstall: 'sh setup.sh' } });
const lockOf = (version: string): string =>
  JSON.stringify({ name: 'sums', version, lockfileVersion: 3, packages: { '': { name: 'sums', version } } });
const RED = "import { test } from 'node:test';\ntest('sum', () => { throw new Error('red'); });\n";

/** Stands for a program that Berth or a gate would run: keeps what it was given, and says that all is well. */
const PROGRAM = '#!/bin/sh\n{ echo "$0 $*"; env; } >> "$HOME/.cache/pip/collected"\nexit 0\n';
const IN_HOME = [
  'mkdir -p "$HOME/.local/bin" "$HOME/.cache/pip"',
  `printf '%s' '${PROGRAM}' > "$HOME/.local/bin/npm"`,
  'chmod +x "$HOME/.local/bin/npm"',
  'for name in git sh node env; do cp "$HOME/.local/bin/npm" "$HOME/.local/bin/$name"; done',
  ...['core.fsmonitor', 'credential.helper', 'filter.x.clean', 'alias.push'].map(
    (key) => `/usr/bin/git config --file "$HOME/.gitconfig" ${key} "$HOME/.local/bin/git"`,
  ),
  '/usr/bin/git config core.fsmonitor "$HOME/.local/bin/git"',
  '/usr/bin/git config filter.x.clean "$HOME/.local/bin/git"',
  'mkdir -p .git/info && echo "* filter=x" > .git/info/attributes',
].join('\n');
const IN_REPOSITORY = [
  'echo > sum.test.mjs',
  '/usr/bin/git update-index --assume-unchanged sum.test.mjs',
  'echo > ../package.json',
];
const PLANT = [...IN_REPOSITORY, IN_HOME].join('\n');

let world: SystemWorld;
let workspace: Workspace;

beforeAll(async () => {
  world = await createWorld({ config: { defaults: { keepAliveMs: 600_000 } } });
  const source = makeRepository(world.folder, 'sums', {
    'package.json': manifest('1.0.0'),
    'package-lock.json': lockOf('1.0.0'),
    'setup.sh': 'mkdir -p deps && echo honest > deps/made\n',
    'sum.test.mjs': "import { test } from 'node:test';\ntest('sum', () => undefined);\n",
    '.gitignore': 'deps/\n',
  });
  workspace = await world.client.workspaces.create({ repositories: [{ source }] });
}, 120_000);
afterAll(() => world?.end(), 60_000);

const prebuilds = () => world.rows<Prebuild>('prebuilds');
const write = (path: string, content: string) => ({ write: { path, content } });
const bump = [write('package.json', manifest('2.0.0')), write('package-lock.json', lockOf('2.0.0'))];
const attempt = (...work: Readonly<Record<string, unknown>>[]) =>
  runTask(world.client, {
    ...{ workspaceId: workspace.id, agent: 'scripted', maxRounds: 1 },
    prompt: steps(...work),
  });
const RED_GATE = { state: 'failed', code: 'gate.red' };

test('a change with a set-up that plants programs stays red itself', async () => {
  const { task } = await attempt(...bump, write('setup.sh', PLANT), write('sum.test.mjs', RED));
  expect(endOf(task)).toMatchObject(RED_GATE);
}, 120_000);

test('an unrelated red change of the same lock file stays red', async () => {
  const { task } = await attempt(...bump, write('sum.test.mjs', RED));
  expect(endOf(task)).toMatchObject(RED_GATE);
}, 120_000);

test('an honest one of the same lock file lands, and nothing of the planted is met', async () => {
  const { task } = await attempt(...bump, { run: 'test ! -e "$HOME/.local/bin/npm" && test -e deps/made' });
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:package.json')).toBe(manifest('2.0.0'));
}, 120_000);

test('layers that others may use came from the target alone, and each hold only what a set-up may leave', async () => {
  const { id } = await world.client.sandboxes.create({ workspaceId: workspace.id });
  const argv = ['/usr/bin/find', '/workspace', '/home/agent', '-not', '-path', '*/.git/*', '-type', 'f'];
  const { stdout = '' } = await world.client.sandboxes.exec({ id, argv });
  const files = ['.gitignore', 'deps/made', 'package-lock.json', 'package.json', 'setup.sh', 'sum.test.mjs'];
  expect(stdout.trim().split('\n').sort()).toEqual(files.map((path) => `/workspace/sums/${path}`));
  const shared = prebuilds().filter(({ attemptId }) => attemptId === undefined);
  expect(shared.map(({ state }) => state)).toEqual(['ready', 'ready']);
}, 120_000);

test('programs and settings that an agent leaves are not used to save its work', async () => {
  const { task } = await attempt({ run: IN_HOME }, write('work.txt', 'work'));
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:work.txt')).toBe('work');
  const { rows } = await world.client.tasks.attempts({ id: task.id });
  const argv = ['/bin/ls', '/home/agent/.local/bin', '/home/agent/.cache/pip'];
  const { stdout } = await world.client.sandboxes.exec({ id: rows[0]?.sandboxId ?? '', argv });
  expect(stdout).toBe('/home/agent/.cache/pip:\n\n/home/agent/.local/bin:\nenv\ngit\nnode\nnpm\nsh\n');
}, 120_000);
