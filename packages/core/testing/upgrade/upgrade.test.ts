import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createCore } from '../../src/core.ts';
import { createIds } from '../../src/kernel/index.ts';
import { violatedInvariants } from '../simulation/invariants.ts';
import type { ScriptedMachines } from '../simulation/machines.ts';
import { openEarlier } from './earlier.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const MINUTE_MS = 60_000;

/** The new version is started on what the earlier one left, a person says yes to what waits, and time passes. */
const upgraded = async (journal: string, { guests = 'current' }: { guests?: 'current' | 'older' } = {}) => {
  const world = await openEarlier(digest, journal);
  if (guests === 'older') outdate(world.machines);
  const { clock, store, ports, dice } = world;
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'newer' });
  const rows = <N extends 'tasks' | 'changes' | 'turns'>(table: N) =>
    store.read((tx) => tx.table(table).list());
  const [before] = await rows('changes');
  await core.start();
  const waiting = (await rows('changes')).filter(({ state }) => state === 'waiting');
  for (const { id } of waiting) await core.changes.decide(id, { verdict: 'approved', by: 'a person' });
  for (let minute = 0; minute < 5; minute += 1) await clock.advance(MINUTE_MS);
  const [task] = await rows('tasks');
  const broken = await violatedInvariants({ ...world, promised: [task?.id ?? ''] });
  await core.stop();
  const changes = (await rows('changes')).map(({ id, state, error }) => ({
    state,
    error: error?.code,
    isOfBefore: id === before?.id,
  }));
  return { broken, task, changes, turns: (await rows('turns')).length };
};

/** Machines made by the earlier server have the guest of that time. */
const outdate = (machines: ScriptedMachines): void => {
  const older = new Set(machines.alive.keys());
  const { open, destroy } = machines;
  machines.open = async (driver, id) => {
    if (older.has(id)) throw fail('sandbox.outdated', { id, guest: 1, server: 2 });
    return open(driver, id);
  };
  machines.destroy = async (driver, id) => {
    older.delete(id);
    await destroy(driver, id);
  };
};

const LANDED = { state: 'merged', error: undefined };
const OUTDATED = { state: 'rejected', error: 'work.outdated', isOfBefore: true };

test.each([
  ['turn-of-0.1', [{ ...LANDED, isOfBefore: false }]],
  ['gate-of-0.1', [OUTDATED, { ...LANDED, isOfBefore: false }]],
  ['gate-with-parts', [OUTDATED, { ...LANDED, isOfBefore: false }]],
  ['waiting-with-parts', [OUTDATED, { ...LANDED, isOfBefore: false }]],
  // Its target had moved already.
  ['advance-of-0.1', [{ ...LANDED, isOfBefore: true }]],
])('what was left at %s goes on after an upgrade, and no work is done twice', async (journal, expected) => {
  const { broken, task, changes, turns } = await upgraded(journal);
  expect({ broken, state: task?.state, error: task?.error, attempts: task?.attempts, turns }).toEqual({
    broken: [],
    state: 'completed',
    error: undefined,
    attempts: 1,
    turns: 1,
  });
  expect(changes).toEqual(expected);
});

test.each(['turn-of-0.1', 'gate-with-parts'])(
  'what was left at %s in a machine whose guest is older goes on in a new one, from its disk',
  async (journal) => {
    const { broken, task, changes, turns } = await upgraded(journal, { guests: 'older' });
    expect({ broken, state: task?.state, attempts: task?.attempts, turns }).toEqual({
      broken: [],
      state: 'completed',
      attempts: 1,
      turns: 1,
    });
    expect(changes.at(-1)?.state).toBe('merged');
  },
);
