/**
 * A stop is not a verdict. Whatever way the server is asked to go (a signal, or the API as `berth down` does), what
 * runs inside goes on, and the next start hears its own end of it: the same process, and what it came to.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, endOf, followTask, steps } from './tasks.ts';

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({ env: { BERTH_DRIVER: 'oci', BERTH_AGENT: 'scripted' } });
}, 120_000);
afterAll(() => world?.end(), 120_000);

/** Goes on until it is told to end well; ended in any other way it has failed. */
const waits = (mark: string, first = ':'): string =>
  `: ${mark}; ${first}; trap 'exit 0' USR1; while :; do sleep 0.1; done`;

const processes = (): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Without its own children, which have its command line until they become `sleep`. */
const found = (mark: string): readonly number[] => {
  const all = processes().filter((pid) =>
    textOf(pid, 'cmdline').replace('/bin/', '').startsWith(`sh\0-c\0: ${mark};`),
  );
  return all.filter((pid) => !all.includes(Number(/\) \S (\d+)/.exec(textOf(pid, 'stat'))?.[1])));
};

/** Empty when it has ended meanwhile. */
const textOf = (pid: number, file: 'cmdline' | 'stat'): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
};

const WAYS: Readonly<Record<string, () => Promise<unknown>>> = {
  'a-set-up': () => world.stop('SIGTERM'),
  'a-turn': () => world.stop('SIGINT'),
  'a-gate': async () => {
    await world.client.system.shutdown();
    await world.stop('SIGTERM');
  },
};

test('a stop in the middle of a set-up, a turn and a gate ends none of them and fails nothing', async () => {
  const source = makeRepository(world.folder, 'work', { 'a.txt': 'a\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    // The set-up not again for what the change made, the gate not before the change.
    setup: { commands: [waits('a-set-up', '[ ! -e b.txt ] || exit 0')] },
    gate: { commands: [{ name: 'check', run: waits('a-gate', '[ -e b.txt ] || exit 0') }] },
  });
  const { lastSeq } = await world.client.system.stats();
  const prompt = steps({ write: { path: 'b.txt', content: 'b\n' } }, { run: waits('a-turn') });
  const { id } = await world.client.tasks.create({ workspaceId: workspace.id, prompt });
  for (const [mark, stop] of Object.entries(WAYS)) {
    await until(`${mark} is under way`, () => found(mark).length === 1);
    const [pid = 0] = found(mark);
    await stop();
    expect(found(mark)).toEqual([pid]);
    await world.start();
    await until('the server works', async () => (await world.client.system.ready()).ready);
    expect(found(mark)).toEqual([pid]);
    process.kill(pid, 'SIGUSR1');
  }
  const { task } = await followTask(world.client, id, lastSeq);
  expect(endOf(task)).toEqual(COMPLETED);
  const states = (table: string) => world.rows<{ state: string }>(table).map(({ state }) => state);
  expect(states('attempts')).toEqual(['completed']);
  expect(new Set(states('prebuilds'))).toEqual(new Set(['ready']));
  expect(states('turns')).toEqual(['ended']);
  expect(states('gateRuns')).toEqual(['green']);
  expect(git(hubOf(workspace), 'show', 'main:b.txt')).toBe('b');
}, 120_000);

/** Git that takes the work of a turn up, in a sandbox. */
const adding = (): readonly number[] =>
  processes().filter((pid) => /(^|\/)git\0(.*\0)?add\0--all\0/.test(textOf(pid, 'cmdline')));

test('git that was saving a turn when the server went is ended before the turn is saved again', async () => {
  const source = makeRepository(world.folder, 'saved', { 'a.txt': 'a\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    gate: { commands: [{ name: 'check', run: 'test -s big' }] },
  });
  const { lastSeq } = await world.client.system.stats();
  // Large enough to be met at work.
  const prompt = steps({ run: 'truncate -s 150M big' });
  const { id } = await world.client.tasks.create({ workspaceId: workspace.id, prompt });
  await until('the turn is being saved', () => adding().length > 0);
  const before = adding();
  for (const pid of before) process.kill(pid, 'SIGSTOP');
  const askedAt = Date.now();
  await world.stop('SIGTERM');
  expect(Date.now() - askedAt).toBeLessThan(10_000);
  expect(adding()).toEqual(before);
  await world.start();
  await until('what was left is ended', () => !adding().some((pid) => before.includes(pid)));
  expect(endOf((await followTask(world.client, id, lastSeq)).task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'ls-tree', '--name-only', 'main')).toContain('big');
}, 120_000);

test('a stop that removes the sandboxes takes no more work and leaves none, however many tasks wait', async () => {
  const source = makeRepository(world.folder, 'many', { 'a.txt': 'a\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    gate: { commands: [{ name: 'check', run: 'true' }] },
  });
  const prompt = steps({ run: 'sleep 1; date > b.txt' });
  for (let made = 0; made < 12; made += 1)
    await world.client.tasks.create({ workspaceId: workspace.id, prompt: `${prompt}\n` });
  await until('some are worked on', async () => (await world.client.sandboxes.list({})).rows.length > 2);
  await world.client.system.shutdown({ removeSandboxes: true });
  await world.stop('SIGTERM');
  expect(readdirSync(join(world.home, 'drivers', 'oci', 'sandboxes'))).toEqual([]);
  const states = new Set(world.rows<{ state: string }>('sandboxes').map(({ state }) => state));
  expect(states).toEqual(new Set(['destroyed']));
  await world.start();
}, 120_000);
