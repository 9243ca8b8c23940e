import { createHash } from 'node:crypto';
import type { Liveness } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds, silentLog } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A world with a machine that no record knows. */
const strayed = async (attemptId?: string) => {
  const world = createScriptedWorld(digest, { seed: 3 });
  const { clock, store, dice, ports, machines } = world;
  const ids = createIds(clock, dice.bytes);
  const removed: unknown[] = [];
  const warn = (event: string, facts: unknown): void =>
    void (event === 'sandbox.orphan_removed' && removed.push(facts));
  const core = createCore({
    ...{ store, clock, ids, digest, ports, owner: 'test' },
    log: { ...silentLog, warn },
  });
  const id = attemptId === undefined ? ids.new('sandbox') : ids.from('sandbox', `${attemptId}/sandbox`);
  const spec = { id, layers: [], limits: {}, tools: [], env: {} };
  await machines.create('scripted', spec, new AbortController().signal);
  const passAfter = async (ms: number) => {
    await clock.advance(ms);
    await clock.through(core.reconcilers.runAll());
    return machines.alive.has(id);
  };
  return { store, id, ids, machines, removed, passAfter };
};

test('a machine without a record goes, but not while it is brand-new', async () => {
  const { id, removed, passAfter } = await strayed();
  expect(await passAfter(59_000)).toBe(true);
  expect(await passAfter(2000)).toBe(false);
  expect(removed).toEqual([
    { sandbox: id, driver: 'scripted', life: 'running', madeOn: expect.stringMatching(/^\d{4}-.*Z$/) },
  ]);
});

test('a machine that cannot be inspected is kept: it may belong to another installation', async () => {
  const { machines, passAfter } = await strayed();
  let life: Liveness = { state: 'unknown', reason: 'its claim cannot be read' };
  Object.assign(machines, { inspect: async () => life });
  expect(await passAfter(3_600_000)).toBe(true);
  life = { state: 'dead', reason: 'its processes have exited' };
  expect(await passAfter(1000)).toBe(false);
});

test('the machine of an attempt that can go on stays, also when its record was lost with the database', async () => {
  const attemptId = `at_${'0'.repeat(20)}`;
  const { store, passAfter } = await strayed(attemptId);
  const attempt = { id: attemptId, taskId: `tk_${'0'.repeat(20)}`, number: 1, agent: 'scripted', rounds: 0 };
  await store.write((tx) => tx.table('attempts').insert({ ...attempt, state: 'spawning' }));
  expect(await passAfter(3_600_000)).toBe(true);
  await store.write((tx) => tx.table('attempts').update(attemptId, 1, { state: 'failed' }));
  expect(await passAfter(1000)).toBe(false);
});

test.each([1, 2])(
  'a machine whose making is under way stays, however old its name, in version %i',
  async (version) => {
    const { store, id, ids, passAfter } = await strayed();
    const run = {
      id: ids.new('saga'),
      name: `sandbox.create@${version}`,
      state: 'running',
      input: null,
      subject: id,
    };
    await store.write((tx) => tx.table('sagas').insert({ ...run, state: 'running' }));
    expect(await passAfter(3_600_000)).toBe(true);
    await store.write((tx) => tx.table('sagas').update(run.id, 1, { state: 'undone' }));
    expect(await passAfter(1000)).toBe(false);
  },
);
