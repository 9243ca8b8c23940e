import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import type { Liveness } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds, PAGE_ROWS } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const MANY = 2 * PAGE_ROWS + 100;

/** Records of sandboxes on two drivers, whose machines live as the test says. */
const twoDrivers = async () => {
  const world = createScriptedWorld(digest, { seed: 3 });
  const { clock, store, dice, ports, machines } = world;
  const ids = createIds(clock, dice.bytes);
  const lives = new Map<string, Liveness>();
  const hungUp: string[] = [];
  const away = new Set<string>();
  const driverOf = new Map<string, string>();
  const destroyed: string[] = [];
  const listed: typeof machines.list = async function* (driver) {
    if (away.has(driver)) throw fail('driver.failed', { driver, act: 'list', detail: 'it is away' });
    for (const id of lives.keys()) if (driverOf.get(id) === driver) yield { id };
  };
  const inspect: typeof machines.inspect = async (driver, id) => {
    if (away.has(driver)) return { state: 'unknown', reason: 'its driver is away' };
    return lives.get(id) ?? { state: 'absent' };
  };
  Object.assign(machines, {
    names: ['broken', 'good'],
    list: listed,
    inspect,
    hangUp: async (id: string) => void hungUp.push(id),
    destroy: async (driver: string, id: string) => {
      if (away.has(driver)) throw fail('driver.failed', { driver, act: 'destroy', detail: 'it is away' });
      destroyed.push(id);
    },
  });
  const coreOf = (owner: string) => createCore({ store, clock, ids, digest, ports, owner });
  const addAll = async (
    driver: string,
    count: number,
    life: Liveness,
    patch: { expiresAt?: number } = {},
  ) => {
    const made = Array.from({ length: count }, () => ids.new('sandbox'));
    const fixed = { purpose: 'manual', isolation: 'container', limits: {}, root: '/workspace' } as const;
    await store.write(async (tx) => {
      const sandboxes = tx.table('sandboxes');
      for (const id of made) {
        driverOf.set(id, driver);
        lives.set(id, life);
        const egress = { preset: 'none' } as const;
        await sandboxes.insert({ ...fixed, ...patch, id, driver, state: 'running', egress });
      }
    });
    return made;
  };
  const add = async (driver: string, life: Liveness, patch: { expiresAt?: number } = {}) =>
    (await addAll(driver, 1, life, patch))[0] ?? '';
  const sandbox = (id: string) => store.read((tx) => tx.table('sandboxes').get(id));
  return { clock, store, coreOf, add, addAll, sandbox, lives, hungUp, away, destroyed };
};

const ALIVE: Liveness = { state: 'running' };
const DEAD: Liveness = { state: 'dead', reason: 'its processes have exited' };
const PROMISED_MS = 10_000;

test('a dead machine is told within ten seconds, with the reason, and is not connected to any more', async () => {
  const { clock, coreOf, add, sandbox, lives, hungUp } = await twoDrivers();
  const core = coreOf('first');
  await core.start();
  const [killed, gone, well] = [await add('good', ALIVE), await add('good', ALIVE), await add('good', ALIVE)];
  await clock.advance(PROMISED_MS);
  expect((await sandbox(killed))?.state).toBe('running');
  lives.set(killed, DEAD);
  lives.delete(gone);
  await clock.advance(PROMISED_MS);
  const error = { code: 'sandbox.died', message: `Sandbox ${killed} died: its processes have exited.` };
  expect(await sandbox(killed)).toMatchObject({ state: 'error', error });
  expect(await sandbox(gone)).toMatchObject({ state: 'error', error: { code: 'sandbox.died' } });
  expect((await sandbox(well))?.state).toBe('running');
  expect(hungUp.sort()).toEqual([killed, gone].sort());
});

test('what died while no server ran is told by the next one', async () => {
  const { clock, coreOf, add, sandbox, lives } = await twoDrivers();
  const id = await add('good', ALIVE);
  lives.set(id, DEAD);
  await coreOf('second').start();
  await clock.advance(PROMISED_MS);
  expect((await sandbox(id))?.state).toBe('error');
});

test('a driver that fails keeps no other from being looked at, and nothing of its own is called dead', async () => {
  const { clock, coreOf, add, sandbox, lives, away, destroyed } = await twoDrivers();
  const core = coreOf('first');
  const [unseen, killed] = [await add('broken', ALIVE), await add('good', ALIVE)];
  const expiring = [await add('broken', ALIVE, { expiresAt: 1 }), await add('good', ALIVE, { expiresAt: 1 })];
  away.add('broken');
  lives.set(killed, DEAD);
  await core.start();
  await clock.advance(PROMISED_MS);
  expect((await sandbox(unseen))?.state).toBe('running');
  expect((await sandbox(killed))?.state).toBe('error');
  expect(destroyed).toEqual([expiring[1]]);
  const troubles = core.troubles.list().map(({ subject }) => subject);
  expect(troubles).toEqual(expect.arrayContaining([unseen, expiring[0]]));
  away.clear();
  await clock.advance(PROMISED_MS);
  expect(core.troubles.list()).toEqual([]);
});

test('one that cannot be looked at stays as it is, and is told', async () => {
  const { clock, coreOf, add, sandbox } = await twoDrivers();
  const core = coreOf('first');
  const id = await add('good', { state: 'unknown', reason: 'its folder cannot be read' });
  await core.start();
  await clock.advance(PROMISED_MS);
  expect((await sandbox(id))?.state).toBe('running');
  expect(core.troubles.list()).toMatchObject([{ subject: id, detail: 'its folder cannot be read' }]);
});

test('every sandbox is looked at, however many there are', async () => {
  const { clock, store, coreOf, addAll } = await twoDrivers();
  await addAll('good', MANY, DEAD);
  await addAll('good', MANY, ALIVE, { expiresAt: 1 });
  await coreOf('first').start();
  await clock.advance(PROMISED_MS);
  expect(await store.read((tx) => tx.table('sandboxes').countBy('state'))).toEqual({
    error: MANY,
    destroyed: MANY,
  });
});
