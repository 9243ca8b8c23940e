import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

type Files = Readonly<Record<string, string>>;

/** A workspace of the repositories `app` and `lib`, whose agent writes the files that its prompt names. */
const twoRepositories = async (crashPoint?: (name: string) => void) => {
  const world = createScriptedWorld(digest, { seed: 12, setup: false });
  const { clock, store, dice, ports, hub, machines } = world;
  const lib = hub.commit('lib', { parents: [], tree: { shared: 'start' } });
  await hub.swap('', 'lib', 'refs/heads/main', undefined, lib);
  ports.agents.turn = async ({ asked, sandbox }) => {
    const wanted: Readonly<Record<string, Files>> = JSON.parse(asked);
    for (const [repository, files] of Object.entries(wanted)) {
      const checkout = machines.insideOf(sandbox.id).checkouts.get(repository);
      if (checkout !== undefined) checkout.tree = { ...checkout.tree, ...files };
    }
    return { stop: 'end', continued: true, session: null };
  };
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test', crashPoint });
  await core.start();
  const repositories = ['app', 'lib'].map((name) => ({ source: `/${name}`, name }));
  const { id: workspaceId } = await core.workspaces.create({ repositories });
  const create = (files: Readonly<Record<string, Files>>) =>
    core.tasks.create({ workspaceId, prompt: JSON.stringify(files), keepAliveMs: 0 });
  const main = (repository: string) => hub.refs.get(`${repository} refs/heads/main`) ?? '';
  /** What is on the targets, and what each landed change was judged on. */
  const outcome = () =>
    store.read(async (tx) => {
      const landed = (await tx.table('changes').list()).filter(({ state }) => state === 'merged');
      const gateRuns = await Promise.all(
        landed.map(({ gateRunId = '' }) => tx.table('gateRuns').get(gateRunId)),
      );
      return { landed: landed.length, targets: targets(), judged: gateRuns.map((run) => run?.commits) };
    });
  const targets = () => ({ app: main('app'), lib: main('lib') });
  const move = async (repository: string, files: Files) => {
    const on = main(repository);
    const tree = { ...hub.look(repository, on).tree, ...files };
    await hub.swap('', repository, 'refs/heads/main', on, hub.commit(repository, { parents: [on], tree }));
  };
  return { ...world, core, create, move, outcome };
};

test('of two changes to different repositories, verified at once, the second lands only with the first', async () => {
  const { clock, core, create, outcome } = await twoRepositories();
  await create({ app: { a: '1' } });
  await create({ lib: { b: '1' } });
  await clock.advance(60_000);
  await core.stop();
  const { landed, targets, judged } = await outcome();
  expect(landed).toBe(2);
  expect(judged).toContainEqual(targets);
});

test('a change that is approved later is verified again if another repository has moved meanwhile', async () => {
  const { clock, core, create, move, outcome, store } = await twoRepositories();
  const weaker = JSON.stringify({ scripts: { test: 'check less' } });
  const { id } = await create({ app: { 'package.json': weaker } });
  await clock.advance(60_000);
  const [waiting] = await store.read((tx) => tx.table('changes').list({ where: { state: 'waiting' } }));
  await clock.advance(120_000);
  await move('lib', { b: '2' });
  await core.changes.decide(waiting?.id ?? '', { verdict: 'approved', by: 'a person' });
  await clock.advance(90_000);
  await core.stop();
  const { targets, judged } = await outcome();
  expect(judged).toContainEqual(targets);
  expect(await store.read((tx) => tx.table('tasks').get(id))).toMatchObject({ state: 'completed' });
  const changes = await store.read((tx) => tx.table('changes').list());
  expect(changes.map(({ state, error }) => [state, error?.code])).toEqual([
    ['rejected', 'change.target_moved'],
    ['merged', undefined],
  ]);
});

test('what moves in another repository right before a change would land makes it lose the race, and no more', async () => {
  let races = 3;
  let move: ((repository: string, files: Files) => Promise<void>) | undefined;
  const world = await twoRepositories((name) => {
    if (!name.endsWith('/advance/before-do') || races === 0) return;
    races -= 1;
    void move?.('lib', { b: String(races) });
  });
  ({ move } = world);
  await world.create({ app: { a: '1' } });
  await world.clock.advance(90_000);
  await world.core.stop();
  const { landed, targets, judged } = await world.outcome();
  expect({ landed, races }).toEqual({ landed: 1, races: 0 });
  expect(judged).toContainEqual(targets);
});
