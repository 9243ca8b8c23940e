/** Which workspace a run uses, and what is refused before one is made. */
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { createClient } from '@berth/sdk/node';
import { startScriptedServer } from '@berth/sdk/scripted-server';
import { expect, test } from 'vitest';
import { folder, useCheckout, world } from './run-world.ts';
import { berth } from './scripted-io.ts';

useCheckout();

test('a gate of its own makes a workspace of its own', async () => {
  await using server = await startScriptedServer(world('completed'));
  const run = (...args: string[]) => berth(server.address, ['run', 'fix', '--repo', 'shop', ...args], folder);
  await run();
  await run('--gate', 'make lint', '--gate', 'make check');
  await run('--gate', 'make lint', '--gate', 'make check');
  const made = server.calls.filter(({ route }) => route === 'workspace.create').map(({ input }) => input);
  expect(made).toHaveLength(2);
  expect(made[1]).toMatchObject({
    name: 'shop-2',
    gate: {
      commands: [
        { name: 'gate-1', run: 'make lint' },
        { name: 'gate-2', run: 'make check' },
      ],
    },
  });
});

test('without a gate, a run goes back to the gate that the workspace has, not to that of the run before', async () => {
  await using server = await startScriptedServer(world('completed'));
  const run = async (...args: string[]) =>
    (await berth(server.address, ['run', 'fix', '--repo', 'shop', ...args], folder)).out.split('\n')[0];
  const made = () => server.calls.filter(({ route }) => route === 'workspace.create').length;
  expect(await run('--gate', 'make lint')).toContain('in workspace shop');
  expect(await run()).toContain('in workspace shop-2');
  expect(await run('--gate', 'make lint')).toContain('in workspace shop');
  expect(await run()).toContain('in workspace shop-2');
  expect(made()).toBe(2);
  // As `berth workspace add` makes it.
  const gate = { commands: [{ name: 'test', run: 'make check' }] };
  const source = join(folder, 'shop');
  await createClient({ address: server.address }).workspaces.create({
    ...{ name: 'strict', gate },
    repositories: [{ name: 'shop', source }],
  });
  expect(await run()).toContain('in workspace strict');
});

test('a run with a gate of its own is set up, limited and connected as the workspace of the checkout says', async () => {
  await using server = await startScriptedServer(world('completed'));
  const { workspaces } = createClient({ address: server.address });
  const repositories = [{ name: 'shop', source: join(folder, 'shop') }];
  const settings = {
    setup: { commands: ['make deps'], keep: ['.cache/tool'] },
    egress: { preset: 'custom' as const, allow: ['example.com'] },
    limits: { cpus: 1 },
  };
  await workspaces.create({ name: 'set-up', repositories, ...settings });
  const run = (...args: string[]) => berth(server.address, ['run', 'fix', '--repo', 'shop', ...args], folder);
  const made = () =>
    server.calls.filter(({ route }) => route === 'workspace.create').map(({ input }) => input);
  await run('--gate', 'make lint');
  await run('--gate', 'make lint');
  expect(made()).toHaveLength(2);
  expect(made()[1]).toMatchObject({ gate: { commands: [{ run: 'make lint' }] }, ...settings });
  // Settings that have changed apply to the next run.
  await workspaces.create({ name: 'anew', repositories, ...settings, egress: { preset: 'none' } });
  await run('--gate', 'make lint');
  expect(made()[3]).toMatchObject({ ...settings, egress: { preset: 'none' } });
});

test('of several first runs at once each uses the workspace that one of them made', async () => {
  const script = world('completed');
  const waiting: (() => void)[] = [];
  let isMade = false;
  await using server = await startScriptedServer({
    ...script,
    'workspace.create': async (call) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length >= 2) for (const go of waiting) go();
      });
      if (isMade) throw fail('record.exists', { noun: 'workspace', id: 'shop' });
      isMade = true;
      return script['workspace.create']?.(call);
    },
  });
  const run = () => berth(server.address, ['run', 'fix', '--repo', 'shop'], folder);
  const both = await Promise.all([run(), run()]);
  expect(both.map(({ exitCode, err }) => [exitCode, err])).toEqual([
    [0, ''],
    [0, ''],
  ]);
});

test('what no task could do is said before anything is imported', async () => {
  await using server = await startScriptedServer({
    ...world('completed'),
    'task.check': ({ input }) => {
      if (input.agent === 'nobody')
        throw fail('agent.absent', { agent: 'nobody', detail: 'no such program' });
      throw fail('model.unconfigured', {});
    },
  });
  const run = (...args: string[]) => berth(server.address, ['run', 'fix', '--repo', 'shop', ...args], folder);
  expect(await run()).toMatchObject({ exitCode: 2, err: expect.stringContaining('No model provider') });
  const absent = await run('--agent', 'nobody', '--model', 'a/b', '--driver', 'oci');
  expect(absent).toMatchObject({ exitCode: 6, err: expect.stringContaining('not installed') });
  expect(server.calls.map(({ route }) => route)).toEqual(['task.check', 'task.check']);
  expect(server.calls[1]?.input).toEqual({ agent: 'nobody', model: 'a/b', driver: 'oci' });
});
