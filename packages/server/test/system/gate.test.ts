/** What the gate is run from and what its failures lead to, with the scripted agent and real sandboxes. */
import type { Event } from '@berth/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld } from './server.ts';
import { COMPLETED, conversationOf, endOf, messagesOf, runTask } from './tasks.ts';

/** One list of steps per turn: what the agent does when it hears that its change does not pass. */
const TURNS = [
  [{ write: { path: 'requirements.txt', content: 'half\n' } }],
  [{ write: { path: 'requirements.txt', content: 'whole, and more\n' } }],
];

let world: SystemWorld;
beforeAll(async () => {
  world = await createWorld({
    config: { defaults: { keepAliveMs: 0 }, agents: { scripted: { turns: TURNS } } },
  });
}, 60_000);
afterAll(async () => {
  await world?.end();
}, 60_000);

const setupsIn = (events: readonly Event[]): number =>
  events.filter(
    ({ type, data }) =>
      type === 'attempt.progressed' && data.stage === 'setup' && data.durationMs === undefined,
  ).length;

test('a change that breaks the set-up goes back to the agent, and its repair is set up before the gate', async () => {
  const source = makeRepository(world.folder, 'listed', { 'requirements.txt': 'whole\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: ['grep whole requirements.txt && cp requirements.txt .installed'] },
    gate: { commands: [{ name: 'installed', run: 'cmp requirements.txt .installed' }] },
  });
  const { task, events } = await runTask(world.client, {
    workspaceId: workspace.id,
    agent: 'scripted',
    prompt: 'Depend on more',
  });
  expect(endOf(task)).toEqual(COMPLETED);
  expect(git(hubOf(workspace), 'show', 'main:requirements.txt')).toBe('whole, and more');
  const { items } = await conversationOf(world.client, task.id);
  const [, sentBack] = messagesOf(items, 'user');
  expect(sentBack).toContain('`grep whole requirements.txt && cp requirements.txt .installed` ended with');
  expect(sentBack).toContain('lock files');
  // For the start of the task, for the broken change, and for the repaired one.
  expect(setupsIn(events)).toBe(3);
}, 60_000);

test('a gate whose tool is not in the sandbox names it, and asks no agent to repair that', async () => {
  const source = makeRepository(world.folder, 'cobbled', { 'a.txt': 'a\n' });
  const workspace = await world.client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: [] },
    gate: { commands: [{ name: 'cobble', run: 'cobble --all' }] },
  });
  const wanted = { workspaceId: workspace.id, agent: 'scripted', prompt: 'Depend on more' };
  const { task } = await runTask(world.client, wanted);
  expect(endOf(task)).toEqual({
    state: 'failed',
    code: 'gate.tool_missing',
    message: 'The gate needs cobble, which the sandbox does not have.',
  });
  const { items } = await conversationOf(world.client, task.id);
  expect(messagesOf(items, 'user')).toHaveLength(1);
  expect(git(hubOf(workspace), 'log', '--format=%s', 'main')).toBe('Begin');
}, 60_000);
