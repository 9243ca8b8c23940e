import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';
import { createSandbox } from '../workflows/machine/create-sandbox.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const VERSIONS = [createSandbox.name, `${createSandbox.family}@2`];

/** A sandbox in the making, by a run of some version, with its machine already there. */
const inTheMaking = async (name: string) => {
  const world = createScriptedWorld(digest, { seed: 3 });
  const { clock, store, dice, ports, machines } = world;
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test' });
  const id = ids.new('sandbox');
  const run = ids.new('saga');
  await machines.create(
    'scripted',
    { id, layers: [], limits: {}, tools: [], env: {} },
    new AbortController().signal,
  );
  await store.write(async (tx) => {
    await tx.table('sagas').insert({ id: run, name, state: 'running', input: null, subject: id });
    const fixed = { purpose: 'attempt', isolation: 'container', limits: {}, root: '/workspace' } as const;
    const egress = { preset: 'none' } as const;
    await tx.table('sandboxes').insert({ ...fixed, id, state: 'creating', driver: 'scripted', egress });
  });
  const look = () => store.read(async (tx) => (await tx.table('sandboxes').get(id))?.state);
  const giveUp = () =>
    store.write(async (tx) => void (await tx.table('sagas').update(run, 1, { state: 'undone' })));
  return { clock, core, id, machines, look, giveUp };
};

test.each(VERSIONS)(
  'a sandbox that %s is making is left alone, and comes to an end with it',
  async (name) => {
    const { clock, core, id, machines, look, giveUp } = await inTheMaking(name);
    await clock.advance(3_600_000);
    await clock.through(core.reconcilers.runAll());
    expect([await look(), machines.alive.has(id)]).toEqual(['creating', true]);
    await giveUp();
    await clock.through(core.reconcilers.runAll());
    expect([await look(), machines.alive.has(id)]).toEqual(['destroyed', false]);
  },
);
