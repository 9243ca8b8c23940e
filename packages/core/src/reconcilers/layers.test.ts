import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds, type Prebuild } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;

const started = async () => {
  const world = createScriptedWorld(digest, { seed: 3, locked: true });
  const { clock, store, dice, ports, machines, hub } = world;
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const prebuilds = (): Promise<Prebuild[]> => store.read((tx) => tx.table('prebuilds').list());
  /** Another lock file, and a sandbox from it. */
  const lock = async (text: string) => {
    const head = hub.refs.get('app refs/heads/main') ?? '';
    const { tree } = hub.look('app', head);
    const next = hub.commit('app', { parents: [head], tree: { ...tree, 'package-lock.json': text } });
    await hub.swap(workspaceId, 'app', 'refs/heads/main', head, next);
    return clock.through(core.sandboxes.create({ workspaceId }));
  };
  const pass = async () => (await clock.through(core.reconcilers.runAll())).layers;
  return { core, clock, store, machines, hub, workspaceId, prebuilds, lock, pass };
};

test('the newest two layers stay; older ones go when nobody uses them and their grace is over', async () => {
  const { core, clock, machines, prebuilds, lock, pass } = await started();
  const [first, second] = [await lock('1'), await lock('2')];
  await lock('3');
  await lock('4');
  await core.sandboxes.remove(first.id, { by: 'tn_1' });
  await pass();
  const all = await prebuilds();
  expect(all.map(({ state }) => state)).toEqual(['superseded', 'superseded', 'ready', 'ready']);
  expect(machines.layers.size).toBe(4);
  await clock.advance(HOUR_MS);
  const [, used, ...ready] = all.map(({ layer }) => layer);
  expect([...machines.layers]).toEqual([used, ...ready]);
  await core.sandboxes.remove(second.id, { by: 'tn_1' });
  await clock.advance(HOUR_MS);
  expect([...machines.layers]).toEqual(ready);
  expect(await prebuilds()).toHaveLength(2);
});

test('a layer that is gone is made again for whoever needs it next', async () => {
  const { machines, prebuilds, lock } = await started();
  await lock('1');
  const [layer = ''] = machines.layers;
  await machines.facets('scripted').snapshots?.drop(layer);
  const { state } = await lock('1');
  expect(state).toBe('running');
  expect((await prebuilds()).map((one) => one.state)).toEqual(['superseded', 'ready']);
  expect(machines.layers.size).toBe(1);
});

test('a layer of an attempt goes when the attempt has ended, and does not count against the others', async () => {
  const { clock, store, machines, workspaceId, prebuilds, lock, pass } = await started();
  for (const text of ['1', '2']) await lock(text);
  const [of, driver] = [{ workspaceId, inputHash: 'x', state: 'ready' }, 'scripted'] as const;
  const spec = { layers: [], limits: {}, tools: [], env: {} };
  for (const id of ['pb_1', 'pb_2', 'pb_3', 'pb_4']) {
    await machines.create(driver, { ...spec, id }, new AbortController().signal);
    await machines.facets(driver).snapshots?.take(id);
    await machines.destroy(driver, id);
  }
  await store.write(async (tx) => {
    await tx
      .table('attempts')
      .insert({ id: 'at_1', state: 'running', taskId: 'tk', number: 1, agent: 'a', rounds: 0 });
    for (const id of ['pb_1', 'pb_2', 'pb_3'])
      await tx.table('prebuilds').insert({ ...of, id, driver, layer: `layer-of-${id}`, attemptId: 'at_1' });
    await tx
      .table('prebuilds')
      .insert({ ...of, id: 'pb_4', driver, layer: 'layer-of-pb_4', attemptId: 'at_gone' });
  });
  const statesOf = async () =>
    (await prebuilds()).map(({ attemptId = 'all', state }) => `${attemptId} ${state}`).sort();
  await pass();
  const ready = [
    'all ready',
    'all ready',
    'at_1 ready',
    'at_1 ready',
    'at_1 superseded',
    'at_gone superseded',
  ];
  expect(await statesOf()).toEqual(ready.sort());
  await store.write((tx) => tx.table('attempts').update('at_1', 1, { state: 'failed' }));
  await clock.advance(2 * HOUR_MS);
  expect(await statesOf()).toEqual(['all ready', 'all ready']);
  expect(machines.layers.size).toBe(2);
});

test('nothing new starts from a superseded layer; it is made again', async () => {
  const { prebuilds, lock, pass } = await started();
  for (const text of ['1', '2', '3']) await lock(text);
  await pass();
  await lock('1');
  expect((await prebuilds()).map(({ state }) => state)).toEqual(['superseded', 'ready', 'ready', 'ready']);
});

test('a layer that nobody knows gets the same grace', async () => {
  const { clock, store, machines, prebuilds, lock, pass } = await started();
  await lock('1');
  const [known] = await prebuilds();
  await store.write((tx) => tx.table('prebuilds').remove(known?.id ?? ''));
  // The sandbox that was made from it keeps it.
  await clock.advance(HOUR_MS);
  expect(machines.layers.size).toBe(1);
  for (const { id } of await store.read((tx) => tx.table('sandboxes').list({ where: { state: 'running' } })))
    await store.write(async (tx) => {
      const row = await tx.table('sandboxes').get(id);
      await tx.table('sandboxes').update(id, row?.revision ?? 0, { expiresAt: 1 });
    });
  await pass();
  await clock.advance(HOUR_MS);
  expect(machines.layers.size).toBe(0);
  expect(await prebuilds()).toEqual([]);
});

test('with its workspace all of its layers go, and copies of repositories that its removal left', async () => {
  const { core, clock, machines, hub, workspaceId, prebuilds, lock, pass } = await started();
  const { id } = await lock('1');
  await core.sandboxes.remove(id, { by: 'tn_1' });
  await clock.advance(60_000);
  await core.workspaces.remove(workspaceId);
  hub.workspaces.set(workspaceId, clock.now());
  await clock.advance(HOUR_MS);
  expect(machines.layers.size).toBe(0);
  expect(await prebuilds()).toEqual([]);
  expect([...hub.workspaces.keys()]).toEqual([workspaceId]);
  hub.workspaces.set(workspaceId, clock.now() - 25 * HOUR_MS);
  await pass();
  expect([...hub.workspaces.keys()]).toEqual([]);
});

test('copies of a workspace whose record was lost with a part of the database are kept, and told of', async () => {
  const { core, clock, hub, pass } = await started();
  hub.workspaces.set('ws_lost', clock.now() - 25 * HOUR_MS);
  await pass();
  expect(hub.workspaces.has('ws_lost')).toBe(true);
  expect(core.troubles.list()).toMatchObject([
    { subject: 'ws_lost', detail: expect.stringContaining('hub/ws_lost') },
  ]);
});

test('a repository is collected by one at a time, as quiet when nobody has a sandbox there', async () => {
  const { core, clock, store, hub, workspaceId, lock, pass } = await started();
  const asked: boolean[] = [];
  hub.maintain = async (_workspace, _repository, isQuiet) => asked.push(isQuiet) > 0;
  await pass();
  const { id } = await lock('1');
  await pass();
  await core.sandboxes.remove(id, { by: 'tn_1' });
  await clock.advance(60_000);
  await pass();
  expect(asked).toEqual([true, false, true]);
  // As if a server had been killed in the middle.
  await store.write(async (tx) => {
    const row = await tx.table('leases').get(`hub/${workspaceId}/app`);
    await tx.table('leases').update(row?.id ?? '', row?.revision ?? 0, { until: clock.now() + HOUR_MS });
  });
  await pass();
  expect(asked).toHaveLength(3);
  await clock.advance(2 * HOUR_MS);
  expect(asked.length).toBeGreaterThan(3);
});

test('a layer that its driver does not have is made again, and not waited for', async () => {
  const { machines, workspaceId, core, clock, prebuilds, lock, pass } = await started();
  await lock('1');
  const [{ layer = '' } = {}] = await prebuilds();
  await machines.facets('scripted').snapshots?.drop(layer);
  await pass();
  expect((await prebuilds()).map(({ state }) => state)).toEqual(['superseded']);
  const [{ id = '' } = {}] = await prebuilds();
  expect(core.troubles.list()).toMatchObject([
    { subject: id, detail: expect.stringContaining('gone from the driver scripted') },
  ]);
  await clock.through(core.sandboxes.create({ workspaceId }));
  expect((await prebuilds()).map(({ state }) => state)).toEqual(['superseded', 'ready']);
});
