import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A core whose machines die at an act of git inside them, so many times in all. */
const started = async (act: 'clone' | 'settle', deaths: number) => {
  const world = createScriptedWorld(digest, { seed: 9, setup: false });
  const { clock, store, dice } = world;
  const { machines, checkouts } = world.ports;
  let left = deaths;
  const { clone, settle } = checkouts;
  const die = async (at: typeof act, id: string): Promise<void> => {
    if (at !== act || left <= 0) return;
    left -= 1;
    await machines.destroy('scripted', id);
  };
  checkouts.clone = (inside, request) => die('clone', inside.id).then(() => clone(inside, request));
  checkouts.settle = (inside, request) => die('settle', inside.id).then(() => settle(inside, request));
  const core = createCore({
    store,
    clock,
    ids: createIds(clock, dice.bytes),
    digest,
    ports: world.ports,
    owner: 'test',
  });
  await core.start();
  const setup = { commands: ['npm ci'] };
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }], setup });
  return { core, world, store, clock, workspaceId };
};

test.each(['clone', 'settle'] as const)(
  'a machine that dies at %s is made anew, with all that it had',
  async (act) => {
    const { core, store, clock, workspaceId } = await started(act, 2);
    const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
    await clock.advance(60_000);
    expect(await store.read((tx) => tx.table('tasks').get(id))).toMatchObject({
      state: 'completed',
      attempts: 1,
    });
  },
);

test('a machine that dies every time is given up, and nothing is left of it', async () => {
  const { core, store, clock, world, workspaceId } = await started('clone', Number.POSITIVE_INFINITY);
  const made = core.sandboxes.create({ workspaceId }).catch((error: unknown) => error);
  await clock.advance(60_000);
  expect(await made).toMatchObject({
    code: 'sandbox.died',
    message: expect.stringContaining('died 3 times'),
  });
  expect(world.machines.alive.size).toBe(0);
  expect(await store.read((tx) => tx.table('sandboxes').countBy('state'))).toEqual({ destroyed: 1 });
});

test('a task whose set-up comes to no end is failed with what ended it, not cancelled', async () => {
  const world = createScriptedWorld(digest, { seed: 9, setup: true });
  const { clock, store, dice, ports, machines } = world;
  ports.checkouts.settle = async ({ id }) => {
    machines.kill(id);
    throw fail('sandbox.unreachable', { id, detail: 'lost' });
  };
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test' });
  await core.start();
  const setup = { commands: ['npm ci'] };
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }], setup });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await clock.advance(120_000);
  expect(await store.read((tx) => tx.table('tasks').get(id))).toMatchObject({
    state: 'failed',
    error: { code: 'setup.unfinished', message: expect.stringContaining('it was killed') },
  });
});
