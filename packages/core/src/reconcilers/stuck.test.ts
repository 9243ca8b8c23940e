import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;

const broken = async (): Promise<never> => {
  throw fail('driver.failed', { driver: 'scripted', act: 'this', detail: 'it is away' });
};

/** A sandbox whose creation failed, and whose machine could not be taken away again. */
const stuck = async () => {
  const world = createScriptedWorld(digest, { seed: 3 });
  const { clock, store, dice, ports, machines } = world;
  const { open, destroy } = machines;
  Object.assign(machines, { open: broken, destroy: broken });
  const coreOf = (owner: string) =>
    createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner });
  const core = coreOf('first');
  await core.start();
  await expect(clock.through(core.sandboxes.create({}))).rejects.toMatchObject({ code: 'saga.stuck' });
  await clock.advance(10_000);
  const states = () =>
    store.read(async (tx) => [
      ...(await tx.table('sagas').list()).map(({ state }) => state),
      ...(await tx.table('sandboxes').list()).map(({ state }) => state),
    ]);
  const lines = () => store.read((tx) => tx.table('journal').count());
  return { ...world, core, coreOf, states, lines, heal: () => Object.assign(machines, { open, destroy }) };
};

test('an undo that got stuck is finished when what stood in its way has passed', async () => {
  const { clock, machines, states, heal } = await stuck();
  expect(await states()).toEqual(['stuck', 'stuck']);
  expect(machines.alive.size).toBe(1);
  heal();
  await clock.advance(HOUR_MS / 2);
  expect(await states()).toEqual(['stuck', 'stuck']);
  await clock.advance(HOUR_MS);
  expect(await states()).toEqual(['undone', 'destroyed']);
  expect(machines.alive.size).toBe(0);
});

test('while it stays stuck nothing grows', async () => {
  const { clock, states, lines } = await stuck();
  await clock.advance(2 * HOUR_MS);
  const before = await lines();
  await clock.advance(10 * HOUR_MS);
  expect(await lines()).toBe(before);
  expect(await states()).toEqual(['stuck', 'stuck']);
});

test('an undo that a crash cut off is resumed', async () => {
  const { clock, store, core, coreOf, machines, states, heal } = await stuck();
  await core.stop();
  await store.write(async (tx) => {
    const [run] = await tx.table('sagas').list();
    const patch = { state: 'undoing', stuckAt: undefined } as const;
    await tx.table('sagas').update(run?.id ?? '', run?.revision ?? 0, {
      ...patch,
      // Nobody waits for it in a request.
      input: {
        id: run?.subject ?? '',
        purpose: 'attempt',
        limits: {},
        egress: { preset: 'none' },
        layers: [],
      },
    });
  });
  heal();
  await clock.advance(2 * HOUR_MS);
  await coreOf('second').start();
  await clock.advance(60_000);
  expect(await states()).toEqual(['undone', 'destroyed']);
  expect(machines.alive.size).toBe(0);
});
