/** What a target is judged to be before any work: whose word counts for it, and for how long. */
import { createHash } from 'node:crypto';
import { fail, type Workspace } from '@berth/contract';
import { afterEach, expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createPorts } from '../../core.ts';
import { planGate, readForGate } from '../../gate/index.ts';
import { handleBaseline } from '../../job-handlers.ts';
import { createIds, isDeferred, move, Parked } from '../../kernel/index.ts';
import { landChange } from '../landing/land-change.ts';
import { baselineOf, type Target } from './baseline.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const id = (prefix: string, tail: string): string => `${prefix}_${tail.padStart(20, '0')}`;
const unstopped = new AbortController().signal;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

type Scripted = ReturnType<typeof createScriptedWorld>;
type Row = Omit<Workspace, 'revision' | 'createdAt' | 'updatedAt'>;

/** A world whose machines can fail; it counts those that are made. */
const begin = async (workspaces: readonly Row[] = [rowOf('1')], { snapshots = true } = {}) => {
  const scripted = createScriptedWorld(digest, { seed: 9, setup: snapshots });
  const { clock, store, dice } = scripted;
  const { machines } = scripted.ports;
  const state = { failure: undefined as Error | undefined, made: 0, late: 0 };
  const create: typeof machines.create = async (...wanted) => {
    state.made += 1;
    if (state.failure !== undefined) throw state.failure;
    return machines.create(...wanted);
  };
  const open: typeof machines.open = async (...where) => ({
    ...(await machines.open(...where)),
    run: async (spec, signal) => {
      const sandbox = await machines.open(...where);
      const ended = await sandbox.run(spec, signal);
      if (state.late > 0) {
        state.late -= 1;
        return { ...ended, exitCode: null, timedOut: true };
      }
      return spec.argv.at(-1) === SET_UP && isBroken(scripted, where[1]) ? { ...ended, exitCode: 1 } : ended;
    },
  });
  const ports = { ...scripted.ports, machines: { ...machines, create, open } };
  const world = createPorts({
    ...{ store, clock, digest, owner: 'test' },
    ids: createIds(clock, dice.bytes),
    ports,
  });
  await store.write(async (tx) => {
    for (const row of workspaces) await tx.table('workspaces').insert(row);
  });
  const find = async (tail: string): Promise<Workspace> => {
    const found = await store.read((tx) => tx.table('workspaces').get(id('ws', tail)));
    if (found === undefined) throw new Error('the workspace is there');
    return found;
  };
  const targetOf = async (tail: string, commit: string): Promise<Target> => {
    const workspace = await find(tail);
    const trees = await readForGate(world.hub, workspace.id, { app: commit });
    const plan = planGate(workspace, trees, world.defaults);
    return { workspaceId: workspace.id, commits: { app: commit }, plan, egress: { preset: 'none' } };
  };
  world.queue.process('gate.baseline', handleBaseline(world), { concurrency: 1 });
  closing.push(() => world.queue.close());
  /** As a deferred job does: again later. */
  const patiently = async <T>(act: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await soon(clock, act());
      } catch (error) {
        if (!isDeferred(error)) throw error;
        await clock.advance(error.wait.againMs);
      }
    }
  };
  const ask = (target: Target) => {
    const since = clock.now();
    return patiently(() => baselineOf(world, target, { since, signal: unstopped }));
  };
  /** A branch with a new tree of files lands in the workspace. */
  const land = async (tail: string, tree: Readonly<Record<string, string>>, key = 'a') => {
    const base = scripted.hub.refs.get('app refs/heads/main') ?? '';
    const head = scripted.hub.commit('app', { parents: [base], tree });
    const branch = `task/${key}`;
    await scripted.hub.swap('', 'app', `refs/heads/${branch}`, undefined, head);
    const ids = { taskId: id('tk', key), attemptId: id('at', key), workspaceId: id('ws', tail) };
    const input = {
      ...{ ...ids, changeId: id('ch', key), title: 'Do it', agent: 'scripted' },
      parts: [{ repository: 'app', branch, target: 'main', head }],
    };
    return patiently(() => world.sagas.run(landChange, { id: id('sg', key), input }));
  };
  return { scripted, world, store, clock, state, targetOf, ask, land };
};

/** In small steps: the alarms of idle workers are hours away. */
const soon = async <T>(clock: Scripted['clock'], work: Promise<T>): Promise<T> => {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  work.then(end, end);
  while (!ended) await clock.advance(100);
  return work;
};

const SET_UP = 'npm ci';
/** The set-up fails as long as a lock file or a script says so. */
const isBroken = ({ hub, machines }: Scripted, sandbox: string): boolean =>
  [...machines.insideOf(sandbox).checkouts.values()].some(({ tree, head }) =>
    ['package.json', 'package-lock.json'].some((path) =>
      (hub.look('app', head).tree[path] ?? tree[path])?.includes('broken'),
    ),
  );

const rowOf = (tail: string, over: Partial<Row> = {}): Row => ({
  id: id('ws', tail),
  name: `app${tail}`,
  repositories: [{ name: 'app', source: '/app', branch: 'main' }],
  ...over,
});

const absent = () => fail('driver.absent', { driver: 'scripted', detail: 'it is being restarted' });

test('a driver that was away often is asked again once it is back, and then once for all', async () => {
  const { scripted, state, targetOf, ask } = await begin();
  const target = await targetOf('1', scripted.root);
  state.failure = absent();
  for (let asker = 0; asker < 4; asker += 1)
    await expect(ask(target)).rejects.toMatchObject({ code: 'driver.absent' });
  state.failure = undefined;
  expect(await ask(target)).toMatchObject([{ name: 'npm-test', exitCode: 0 }]);
  const { made } = state;
  expect(await ask(target)).toMatchObject([{ name: 'npm-test', exitCode: 0 }]);
  expect(state.made).toBe(made);
});

test('the tries of one asker have a bound', async () => {
  const { scripted, state, store, targetOf, ask } = await begin();
  state.failure = absent();
  await expect(ask(await targetOf('1', scripted.root))).rejects.toMatchObject({ code: 'driver.absent' });
  const runs = await store.read((tx) => tx.table('sagas').list({ where: { name: 'gate.baseline@1' } }));
  expect(runs.map((run) => run.state)).toEqual(['undone', 'undone', 'undone']);
});

test('a target that ran out of time has no verdict: it is judged again, by each who asks a few times', async () => {
  const { scripted, state, targetOf, ask } = await begin();
  const target = await targetOf('1', scripted.root);
  state.late = 3;
  expect(await ask(target)).toMatchObject([{ timedOut: true }]);
  expect(state.late).toBe(1);
  expect(await ask(target)).toMatchObject([{ timedOut: false, exitCode: 0 }]);
  const { made } = state;
  expect(await ask(target)).toMatchObject([{ exitCode: 0 }]);
  expect(state.made).toBe(made);
});

test('a check of the target that ends the server is not asked again by each that lands', async () => {
  const { scripted, state, store, clock, targetOf, ask } = await begin();
  const target = await targetOf('1', scripted.root);
  state.failure = fail('work.crashed', { job: 'a', crashes: 3 });
  await expect(ask(target)).rejects.toMatchObject({ code: 'work.crashed' });
  await expect(ask(target)).rejects.toMatchObject({ code: 'work.crashed' });
  const runs = await store.read((tx) => tx.table('sagas').list({ where: { name: 'gate.baseline@1' } }));
  expect(runs).toHaveLength(1);
  state.failure = undefined;
  await clock.advance(2 * 3_600_000);
  expect(await ask(target)).toMatchObject([{ exitCode: 0 }]);
});

test('what landed here has been judged; elsewhere, or under other settings, it has not', async () => {
  const others = {
    '2': {},
    '3': { image: '/other.tar' },
    '4': { limits: { memoryBytes: 2 ** 28 } },
    '5': { setup: { commands: ['make'] } },
  };
  const rows = Object.entries(others).map(([tail, over]) => rowOf(tail, over));
  const { scripted, state, store, targetOf, ask, land } = await begin([rowOf('1'), ...rows]);
  const { tree } = scripted.hub.look('app', scripted.root);
  const { commits } = await land('1', { ...tree, new: 'good' });
  const commit = commits.app ?? '';
  const { made } = state;
  const here = await targetOf('1', commit);
  expect(await ask(here)).toMatchObject([{ name: 'npm-test', exitCode: 0 }]);
  expect(state.made).toBe(made);
  let before = made;
  const isJudgedAnew = async (target: Target): Promise<boolean> => {
    await ask(target);
    const anew = state.made > before;
    before = state.made;
    return anew;
  };
  for (const tail of Object.keys(others)) expect(await isJudgedAnew(await targetOf(tail, commit))).toBe(true);
  expect(await isJudgedAnew({ ...here, egress: { preset: 'packages' } })).toBe(true);
  await store.write(async (tx) => {
    const own = await tx.table('workspaces').get(here.workspaceId);
    await tx.table('workspaces').update(here.workspaceId, own?.revision ?? 0, { image: '/other.tar' });
  });
  expect(await isJudgedAnew(here)).toBe(true);
});

const BROKEN_LOCK = { 'package-lock.json': 'broken' };
const BROKEN_SCRIPT = {
  'package.json': JSON.stringify({ scripts: { postinstall: 'broken', test: 'check' } }),
};

test.each([
  { what: 'a lock file', broken: BROKEN_LOCK, mended: { 'package-lock.json': '{}' } },
  {
    what: 'a script that the target judges by',
    broken: BROKEN_SCRIPT,
    mended: { 'package.json': JSON.stringify({ scripts: { postinstall: 'good', test: 'check' } }) },
  },
])('who repairs the set-up of the target, $what, lands with a yes and is not sent back', async (given) => {
  for (const snapshots of [true, false]) {
    const rows = [rowOf('1', { setup: { commands: [SET_UP] } })];
    const { scripted, store, world, land } = await begin(rows, { snapshots });
    const { tree } = scripted.hub.look('app', scripted.root);
    const tip = scripted.hub.commit('app', {
      parents: [scripted.root],
      tree: { ...tree, ...given.broken },
    });
    await scripted.hub.swap('', 'app', 'refs/heads/main', scripted.root, tip);
    await expect(land('1', { ...tree, ...given.mended })).rejects.toBeInstanceOf(Parked);
    const [change] = await store.read((tx) => tx.table('changes').list());
    expect(change?.weakened).toContainEqual({
      kind: 'target_red',
      repository: 'app',
      subject: SET_UP,
      detail: 'the set-up of the target fails: exit code 1',
    });
    const decision = { verdict: 'approved', by: 'a person', at: 1 } as const;
    await store.write((tx) =>
      move(tx, 'changes', change?.id ?? '', { trigger: 'approved', patch: { decision } }),
    );
    await world.sagas.resume(id('sg', 'a'));
    expect(scripted.hub.look('app', scripted.hub.refs.get('app refs/heads/main') ?? '').tree).toMatchObject(
      given.mended,
    );
  }
});

test('what the set-up of a change breaks is its own, also where its target is broken', async () => {
  const { scripted, land } = await begin([rowOf('1', { setup: { commands: [SET_UP] } })]);
  const { tree } = scripted.hub.look('app', scripted.root);
  await expect(land('1', { ...tree, ...BROKEN_LOCK })).rejects.toMatchObject({ code: 'setup.failed' });
  await expect(land('1', { ...tree, ...BROKEN_SCRIPT }, 'b')).rejects.toMatchObject({ code: 'setup.failed' });
});
