/** The host goes down with everything that runs, and comes up again: what lies on the disk is found, kept and gone on from. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Workspace } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, endOf, followTask, steps } from './tasks.ts';

let world: SystemWorld;
let workspace: Workspace;

beforeAll(async () => {
  world = await createWorld({ config: { defaults: { maxSandboxes: 3 } } });
  const source = makeRepository(world.folder, 'app', { 'made.txt': 'start\n' });
  const gate = { commands: [{ name: 'grown', run: 'test "$(wc -l < made.txt)" -eq 3' }] };
  workspace = await world.client.workspaces.create({ repositories: [{ source }], gate });
}, 120_000);
afterAll(() => world?.end(), 60_000);

/** The server and every process of its sandboxes end at once, and nobody is told. */
const powerOff = async (): Promise<void> => {
  await world.stop('SIGKILL');
  const inside = readdirSync('/proc').filter(
    (pid) =>
      /^\d+$/.test(pid) && Number(pid) !== process.pid && textOf(pid, 'mountinfo').includes(world.home),
  );
  expect(inside.length).toBeGreaterThan(2);
  for (const pid of inside) kill(Number(pid));
  await until('they are gone', async () => inside.every((pid) => textOf(pid, 'cmdline') === ''));
};

/** One that went with another before it is gone as well. */
const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' });
  }
};

const textOf = (pid: string, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it ended
  }
};

test('a task goes on from its files, which are on a ref first; what died takes no place of what lives', async () => {
  const idle = await world.client.sandboxes.create({});
  const wait =
    'if [ -e ../first ]; then until [ -e ../go ]; do sleep 0.1; done; else touch ../first; sleep 600; fi';
  const prompt = steps({ run: 'echo line >> made.txt' }, { say: 'I wait.' }, { run: wait });
  const task = await world.client.tasks.create({ workspaceId: workspace.id, agent: 'scripted', prompt });
  const attempt = async () => (await world.client.tasks.attempts({ id: task.id })).rows[0];
  const exists = async (path: string): Promise<boolean> => {
    const argv: [string, ...string[]] = ['/usr/bin/test', '-e', path];
    const id = (await attempt())?.sandboxId ?? '';
    return (await world.client.sandboxes.exec({ id, argv }).catch(() => undefined))?.exitCode === 0;
  };
  await until('it waits', () => exists('/workspace/first'));
  const { id: attemptId = '', sandboxId = '' } = (await attempt()) ?? {};
  await powerOff();
  await world.start();
  const saved = () => git(hubOf(workspace), 'show', `refs/berth/turns/${attemptId}/1:made.txt`);
  await until('what was found is saved', async () => {
    try {
      return saved() === 'start\nline';
    } catch {
      return false;
    }
  });
  // With the attempt's and this one the gate takes the last place.
  await world.client.sandboxes.create({});
  await until('it works again', () => exists('/workspace/first'));
  await world.client.sandboxes.exec({ id: sandboxId, argv: ['/usr/bin/touch', '/workspace/go'] });
  const end = await followTask(world.client, task.id, 0);
  expect(endOf(end.task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:made.txt')).toBe('start\nline\nline');
  expect((await attempt())?.sandboxId).toBe(sandboxId);
  expect((await world.client.sandboxes.get({ id: idle.id })).state).toBe('error');
}, 120_000);
