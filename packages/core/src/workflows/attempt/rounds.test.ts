import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import type { Checkout } from '../../../testing/simulation/machines.ts';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The first turn leaves a bug, the second mends it; the machine dies while the gate runs between them. */
const started = async ({ keepsDisks, forgeable = false }: { keepsDisks: boolean; forgeable?: boolean }) => {
  const world = createScriptedWorld(digest, { seed: 9, setup: keepsDisks });
  const { clock, store, dice, ports } = world;
  const { machines, agents } = ports;
  let own: string | undefined;
  let turns = 0;
  let isDead = false;
  const disk = new Map<string, Checkout>();
  let isRefused = false;
  /** States of the record when its refused machine was ended. */
  const endedIn: unknown[] = [];
  agents.turn = async ({ sandbox }) => {
    own = sandbox.id;
    turns += 1;
    const checkout = world.machines.insideOf(sandbox.id).checkouts.get('app');
    if (checkout !== undefined) checkout.tree = { ...checkout.tree, new: turns === 1 ? 'bug' : 'good' };
    return { stop: 'end', continued: true, session: {} };
  };
  const { create, open, inspect, destroy } = machines;
  machines.destroy = async (driver, id) => {
    if (isRefused) endedIn.push((await store.read((tx) => tx.table('sandboxes').get(id)))?.state);
    return destroy(driver, id);
  };
  machines.inspect = async (driver, id) =>
    isDead && id === own ? { state: 'dead', reason: 'killed' } : inspect(driver, id);
  machines.open = async (driver, id) => {
    if (isDead && id === own) throw fail('sandbox.unreachable', { id, detail: 'its machine died' });
    return open(driver, id);
  };
  machines.create = async (driver, spec, signal) => {
    const machine = await create(driver, spec, signal);
    const { checkouts } = world.machines.insideOf(spec.id);
    if (spec.id === own) {
      isDead = false;
      for (const [name, checkout] of disk) checkouts.set(name, checkout);
      if (forgeable && disk.size > 0) {
        isRefused = true;
        return { ...machine, unenforced: [{ kind: 'verdict', reason: 'one user for all' }] };
      }
    } else if (own !== undefined && disk.size === 0) {
      for (const [name, checkout] of world.machines.insideOf(own).checkouts) disk.set(name, { ...checkout });
      isDead = true;
      await clock.sleep(30_000);
    }
    return machine;
  };
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await clock.advance(300_000);
  return { task: await store.read((tx) => tx.table('tasks').get(id)), endedIn };
};

test('a machine that died while its change was verified goes on from its disk when the gate is red', async () => {
  expect((await started({ keepsDisks: true })).task).toMatchObject({ state: 'completed', attempts: 1 });
});

test('where nothing is left to go on from, the task fails with what the gate said', async () => {
  expect((await started({ keepsDisks: false })).task).toMatchObject({
    state: 'failed',
    error: { code: 'gate.red' },
  });
});

test('the new machine is refused as the first one would be where a command can forge the verdict', async () => {
  const { task, endedIn } = await started({ keepsDisks: true, forgeable: true });
  expect(task).toMatchObject({ state: 'failed', error: { code: 'gate.forgeable' } });
  // At once, and not with its record.
  expect(endedIn[0]).toBe('error');
});
