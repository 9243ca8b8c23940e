/** A sandbox whose machine dies is never shown as running for long: not while the server runs, and not by the next one. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Sandbox } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, endOf, followTask, steps } from './tasks.ts';

const PROMISED = { timeout: 10_000, interval: 100 };

let world: SystemWorld;

beforeAll(async () => {
  world = await createWorld();
}, 120_000);
afterAll(() => world?.end(), 120_000);

/** The first process of its machine, with which the kernel ends all others. */
const kill = ({ id }: Pick<Sandbox, 'id'>): void => {
  const record = join(world.home, 'drivers/oci/sandboxes', id, 'machine.json');
  process.kill(JSON.parse(readFileSync(record, 'utf8')).process.pid, 'SIGKILL');
};

const stateOf = async ({ id }: Pick<Sandbox, 'id'>) => (await world.client.sandboxes.get({ id })).state;

test('a killed sandbox says so within ten seconds, with the reason, and stays dead over a restart', async () => {
  const { client } = world;
  const [killed, later, well] = [
    await client.sandboxes.create({}),
    await client.sandboxes.create({}),
    await client.sandboxes.create({}),
  ];
  kill(killed);
  await expect.poll(() => stateOf(killed), PROMISED).toBe('error');
  expect((await client.sandboxes.get({ id: killed.id })).error).toMatchObject({
    code: 'sandbox.died',
    message: expect.stringContaining('its processes have exited'),
  });
  expect([await stateOf(later), await stateOf(well)]).toEqual(['running', 'running']);
  await world.stop('SIGKILL');
  kill(later);
  await world.start();
  await expect.poll(() => stateOf(later), PROMISED).toBe('error');
  expect([await stateOf(killed), await stateOf(well)]).toEqual(['error', 'running']);
  await world.client.sandboxes.remove({ id: killed.id });
  await expect.poll(() => stateOf(killed), PROMISED).toBe('destroyed');
}, 120_000);

/** What runs with a sandbox's disk, by what it was started as. */
const commandsIn = (id: string): readonly string[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && textOf(pid, 'mountinfo').includes(id))
    .map((pid) => textOf(pid, 'cmdline').replaceAll('\0', ' '));

const textOf = (pid: string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it ended
  }
};

test('a machine that dies in the middle of its checkout is made anew, and the task lands', async () => {
  const { client } = world;
  // It takes a while to fetch.
  const files = { 'made.txt': 'start\n', 'large.hex': randomBytes(2 * 2 ** 20).toString('hex') };
  const source = makeRepository(world.folder, 'app', files);
  const gate = { commands: [{ name: 'made', run: 'test -e made.txt' }] };
  const workspace = await client.workspaces.create({ repositories: [{ source }], gate });
  const prompt = steps({ run: 'echo line >> made.txt' }, { say: 'Done.' });
  const wanted = { workspaceId: workspace.id, agent: 'scripted', prompt, keepAliveMs: 0 };
  const { id } = await client.tasks.create(wanted);
  let made = { id: 'none' };
  await until('it is checked out', async () => {
    const { rows } = await client.sandboxes.list({});
    made = rows.find(({ purpose, state }) => purpose === 'attempt' && state === 'creating') ?? made;
    return commandsIn(made.id).some((command) => command.startsWith('git fetch '));
  });
  kill(made);
  const { task } = await followTask(client, id, 0);
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:made.txt')).toBe('start\nline');
  expect(world.log()).toContain('sandbox.made_anew');
  await expect.poll(() => stateOf(made), PROMISED).toBe('destroyed');
  expect(commandsIn(made.id)).toEqual([]);
  expect(readdirSync(join(world.home, 'drivers/oci/sandboxes'))).not.toContain(made.id);
}, 120_000);

test('a machine that dies in the middle of a turn costs what ran in it, and its files are worked on in the next one', async () => {
  const { client } = world;
  const source = makeRepository(world.folder, 'mortal', { 'made.txt': 'start\n' });
  const gate = { commands: [{ name: 'made', run: 'test "$(wc -l < made.txt)" -eq 3' }] };
  const workspace = await client.workspaces.create({ repositories: [{ source }], gate });
  const once = 'if [ ! -e ../first ]; then touch ../first; sleep 600; fi';
  const prompt = steps({ run: 'echo line >> made.txt' }, { run: once }, { say: 'Done.' });
  const wanted = { workspaceId: workspace.id, agent: 'scripted', prompt, keepAliveMs: 0 };
  const { id } = await client.tasks.create(wanted);
  const attempt = async () => (await client.tasks.attempts({ id })).rows[0];
  await until('it works', async () => {
    const argv: [string, ...string[]] = ['/usr/bin/test', '-e', '/workspace/first'];
    const { sandboxId = '' } = (await attempt()) ?? {};
    return (await client.sandboxes.exec({ id: sandboxId, argv }).catch(() => undefined))?.exitCode === 0;
  });
  const { sandboxId = '', sessionId = '' } = (await attempt()) ?? {};
  kill({ id: sandboxId });
  const { task } = await followTask(client, id, 0);
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:made.txt')).toBe('start\nline\nline');
  const { turns } = await client.sessions.get({ id: sessionId });
  expect(turns).toMatchObject([
    { deaths: [{ reason: expect.stringContaining('its processes have exited') }] },
  ]);
  await expect.poll(() => stateOf({ id: sandboxId }), PROMISED).toBe('destroyed');
}, 120_000);
