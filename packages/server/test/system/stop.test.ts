/**
 * A stop is not a verdict. Whatever way the server is asked to go (a signal, or the API as `berth down` does), what
 * runs inside goes on, and the next start hears its own end of it: the same process, and what it came to.
 */
import { readdirSync, readFileSync } from 'node:fs';
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
const waits = (mark: string): string => `: ${mark}; trap 'exit 0' USR1; while :; do sleep 0.1; done`;

const found = (mark: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandOf(pid).replace('/bin/', '').startsWith(`sh\0-c\0: ${mark};`));

/** Empty when it has ended meanwhile. */
const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
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
    setup: { commands: [waits('a-set-up')] },
    gate: { commands: [{ name: 'check', run: waits('a-gate') }] },
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
  expect(states('prebuilds')).toEqual(['ready']);
  expect(states('turns')).toEqual(['ended']);
  expect(states('gateRuns')).toEqual(['green']);
  expect(git(hubOf(workspace), 'show', 'main:b.txt')).toBe('b');
}, 120_000);

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'git that was saving a turn when the server went by %s is ended before the turn is saved again',
  async (signal) => {
    const mark = `a-save-${signal}`;
    const filter = `: ${mark}; until [ -e /tmp/go ]; do sleep 0.1; done; cat`;
    const source = makeRepository(world.folder, signal, {
      'a.txt': 'a\n',
      '.gitattributes': '*.slow filter=slow\n',
    });
    const workspace = await world.client.workspaces.create({
      repositories: [{ source }],
      gate: { commands: [{ name: 'check', run: 'test -s b.slow' }] },
    });
    const { lastSeq } = await world.client.system.stats();
    const prompt = steps(
      { run: `git config filter.slow.clean '${filter}'` },
      { write: { path: 'b.slow', content: 'b\n' } },
    );
    const { id } = await world.client.tasks.create({ workspaceId: workspace.id, prompt });
    await until('the turn is being saved', () => found(mark).length === 1);
    const [pid = 0] = found(mark);
    const before = Date.now();
    await world.stop(signal);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect(found(mark)).toEqual([pid]);
    await world.start();
    await until('it is saved again, and by one alone', () => {
      const now = found(mark);
      return now.length === 1 && !now.includes(pid);
    });
    const { rows } = await world.client.sandboxes.list({ limit: 200 });
    const sandbox = rows.find(({ state, purpose }) => state === 'running' && purpose === 'attempt');
    await world.client.sandboxes.writeFile({
      id: sandbox?.id ?? '',
      path: '/tmp/go',
      bytes: new Uint8Array(),
    });
    expect(endOf((await followTask(world.client, id, lastSeq)).task)).toEqual(COMPLETED);
    expect(git(hubOf(workspace), 'show', 'main:b.slow')).toBe('b');
  },
  120_000,
);
