/** Every saga keeps the kernel's laws, in a scripted world without faults of its own. */
import { createHash } from 'node:crypto';
import { type SagaWorld, sagaLaws } from '../../testing/laws/index.ts';
import { createScriptedWorld, type ScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createPorts } from '../core.ts';
import { handleBaseline } from '../job-handlers.ts';
import { createIds, type Store } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { planSandbox } from '../sandbox/index.ts';
import { takeTurn } from './attempt/take-turn.ts';
import { checkTarget } from './gate/baseline.ts';
import { checkCommand } from './gate/check-command.ts';
import { checkGate } from './gate/check-gate.ts';
import { landChange } from './landing/land-change.ts';
import { createSandbox } from './machine/create-sandbox.ts';
import { prepareWorkspace } from './prebuild/prepare-workspace.ts';
import { runTask } from './run-task.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const id = (prefix: string): string => `${prefix}_${'0'.repeat(20)}`;
const WS = id('ws');
const SB = id('sb');
const TK = id('tk');
const AT = id('at');
const CH = id('ch');
const TN = id('tn');
const SS = id('ss');
const PB = id('pb');

interface Setting {
  readonly scripted: ScriptedWorld;
  readonly world: Ports;
  readonly store: Store;
}

/** A workspace, and what the test adds. Its seed begins with an agent that does good work. */
const settingOf = async (prepare: (setting: Setting) => Promise<unknown>): Promise<Setting> => {
  const scripted = createScriptedWorld(digest, { seed: GOOD_SEED, tests: true });
  const { clock, store, dice, ports } = scripted;
  const ids = createIds(clock, dice.bytes);
  const world = createPorts({ store, clock, ids, digest, ports, owner: 'laws' });
  world.queue.process('gate.baseline', handleBaseline(world), { concurrency: 1 });
  const repositories = [{ name: 'app', source: '/app', branch: 'main' }];
  await store.write((tx) => tx.table('workspaces').insert({ id: WS, name: 'app', repositories }));
  const setting = { scripted, world, store };
  await prepare(setting);
  return setting;
};

const GOOD_SEED = 9;

const lawful = async (
  prepare: (setting: Setting) => Promise<unknown>,
  {
    isClean,
    isDone,
  }: { isClean(setting: Setting): Promise<boolean>; isDone(setting: Setting): Promise<boolean> },
): Promise<SagaWorld<Ports>> => {
  const setting = await settingOf(prepare);
  return {
    ports: setting.world,
    store: setting.store,
    clock: setting.scripted.clock,
    isClean: () => isClean(setting),
    isDone: () => isDone(setting),
  };
};

const nothing = async (): Promise<void> => undefined;
const stateOf = (
  store: Store,
  table: 'sandboxes' | 'tasks' | 'changes' | 'turns' | 'prebuilds',
  key: string,
) => store.read(async (tx) => (await tx.table(table).get(key))?.state);

/** What is deleting is the reconciler's: as good as gone for the saga. */
const sandboxesLeft = (store: Store): Promise<number> =>
  store.read((tx) => tx.table('sandboxes').count({ state: ['creating', 'running', 'undoing', 'stuck'] }));

const sandbox = planSandbox(
  {
    limits: { cpus: 1, memoryBytes: 2 ** 30, pids: 100, diskBytes: 2 ** 30, inodes: 10_000 },
    egress: { preset: 'none' },
  },
  undefined,
  { id: SB, purpose: 'manual' },
);

sagaLaws(createSandbox, {
  input: sandbox,
  world: () =>
    lawful(nothing, {
      isClean: async ({ scripted, store }) =>
        scripted.machines.alive.size === 0 &&
        [undefined, 'destroyed'].includes(await stateOf(store, 'sandboxes', SB)) &&
        (await store.read((tx) => tx.table('grants').count())) === 0,
      isDone: async ({ scripted, store }) =>
        scripted.machines.alive.has(SB) && (await stateOf(store, 'sandboxes', SB)) === 'running',
    }),
});

sagaLaws(prepareWorkspace, {
  input: {
    prebuildId: PB,
    isPrivate: false,
    sandbox: {
      ...sandbox,
      setup: { commands: [{ run: 'make' }], egress: { preset: 'packages' }, timeoutMs: 1000 },
    },
  },
  world: () =>
    lawful(
      ({ store }) =>
        store.write((tx) =>
          tx
            .table('prebuilds')
            .insert({ id: PB, workspaceId: WS, state: 'building', inputHash: 'x', driver: 'scripted' }),
        ),
      {
        isClean: async ({ store }) =>
          ['building', 'failed'].includes((await stateOf(store, 'prebuilds', PB)) ?? '') &&
          (await sandboxesLeft(store)) === 0,
        isDone: async ({ store }) =>
          (await stateOf(store, 'prebuilds', PB)) === 'ready' && (await sandboxesLeft(store)) === 0,
      },
    ),
});

sagaLaws(checkGate, {
  input: {
    judgedBy: 'target',
    commands: [{ name: 'check', repository: 'app', run: 'check', timeoutMs: 1000, needs: [] }],
    sandbox,
  },
  world: () =>
    lawful(nothing, {
      isClean: async ({ store }) => (await sandboxesLeft(store)) === 0,
      isDone: async ({ store }) => (await stateOf(store, 'sandboxes', SB)) === 'deleting',
    }),
});

sagaLaws(checkCommand, {
  input: {
    judgedBy: 'target',
    commands: [{ name: 'check', repository: 'app', run: 'check', timeoutMs: 1000, needs: ['build'] }],
    sandbox,
    needs: [0],
    isNeeded: true,
    results: [{ command: 'build', outputs: 'none', prepared: {} }],
  },
  world: () =>
    lawful(nothing, {
      isClean: async ({ store }) => (await sandboxesLeft(store)) === 0,
      isDone: async ({ store }) => (await stateOf(store, 'sandboxes', SB)) === 'deleting',
    }),
});

sagaLaws(checkTarget, {
  input: {
    workspaceId: WS,
    commits: { app: createScriptedWorld(digest, { seed: GOOD_SEED, tests: true }).root },
    plan: {
      profile: 'standard',
      commands: [{ name: 'check', repository: 'app', run: 'check', timeoutMs: 1000, needs: [] }],
    },
    egress: { preset: 'none' },
  },
  world: () =>
    lawful(nothing, {
      isClean: async ({ store }) => (await sandboxesLeft(store)) === 0,
      isDone: async ({ store }) => (await sandboxesLeft(store)) === 0,
    }),
});

const withTask = (state: 'queued' | 'running' | 'verifying') => async (setting: Setting) => {
  const { store } = setting;
  await store.write(async (tx) => {
    await tx.table('tasks').insert({
      id: TK,
      state,
      workspaceId: WS,
      title: 'Do it',
      prompt: 'Do it',
      followUps: [],
      agent: 'scripted',
      priority: 5,
      maxRounds: 2,
      keepAliveMs: 0,
      attempts: 0,
    });
  });
};

const withAttempt = (state: 'running' | 'verifying') => async (setting: Setting) => {
  const { store, world, scripted } = setting;
  await withTask(state)(setting);
  await store.write((tx) =>
    tx
      .table('attempts')
      .insert({ id: AT, state: 'running', taskId: TK, number: 1, agent: 'scripted', rounds: 0 }),
  );
  const checkout = [{ name: 'app', commit: scripted.root, branch: `task/${TK}` }];
  const input = { ...sandbox, workspaceId: WS, attemptId: AT, checkout };
  await world.sagas.run(createSandbox, { id: id('sg').replace(/0$/, '1'), input });
};

const turn = {
  turnId: TN,
  taskId: TK,
  attemptId: AT,
  sessionId: SS,
  number: 1,
  prompt: 'Do it',
  cause: 'task' as const,
  agent: 'scripted',
  sandbox: { id: SB, driver: 'scripted' },
  workspaceId: WS,
  repositories: ['app'],
  branch: `task/${TK}`,
  previous: { app: createScriptedWorld(digest, { seed: GOOD_SEED, tests: true }).root },
  title: 'Do it',
  at: 1,
};

sagaLaws(takeTurn, {
  input: turn,
  world: () =>
    lawful(withAttempt('running'), {
      isClean: async ({ store }) => (await stateOf(store, 'turns', TN)) !== 'running',
      isDone: async ({ store, scripted }) =>
        (await stateOf(store, 'turns', TN)) === 'ended' &&
        scripted.hub.refs.has(`app refs/berth/turns/${AT}/1`),
    }),
});

/** A branch with one good change on it. */
const withBranch = async (setting: Setting): Promise<void> => {
  await withAttempt('verifying')(setting);
  await setting.scripted.hub.swap(WS, 'app', `refs/heads/task/${TK}`, undefined, headIn(setting.scripted));
};
const headIn = ({ hub, root }: ScriptedWorld): string =>
  hub.commit('app', { parents: [root], tree: { ...hub.look('app', root).tree, new: 'good' } });

sagaLaws(landChange, {
  input: {
    changeId: CH,
    taskId: TK,
    attemptId: AT,
    workspaceId: WS,
    title: 'Do it',
    agent: 'scripted',
    parts: [
      {
        repository: 'app',
        branch: `task/${TK}`,
        target: 'main',
        head: headIn(createScriptedWorld(digest, { seed: GOOD_SEED, tests: true })),
      },
    ],
  },
  world: () =>
    lawful(withBranch, {
      isClean: async ({ store, scripted }) =>
        scripted.hub.refs.get('app refs/heads/main') === scripted.root &&
        ![...scripted.hub.refs.keys()].some((key) => key.includes(CH)) &&
        [undefined, 'rejected'].includes(await stateOf(store, 'changes', CH)) &&
        (await sandboxesLeft(store)) === 1,
      isDone: async ({ store, scripted }) =>
        (await stateOf(store, 'changes', CH)) === 'merged' &&
        scripted.hub.refs.get(`app refs/berth/revert/${CH}`) === scripted.root &&
        scripted.hub.refs.get('app refs/heads/main') ===
          scripted.hub.refs.get(`app refs/berth/changes/${CH}`) &&
        (await sandboxesLeft(store)) === 1,
    }),
});

/** An attempt that is undone after its change has landed cannot take that back, and says so. */
const isConsistent = async (store: Store): Promise<boolean> => {
  const landed = await store.read((tx) => tx.table('changes').count({ state: 'merged' }));
  const state = (await stateOf(store, 'tasks', TK)) ?? '';
  return (landed === 1 ? ['completed'] : ['queued', 'failed', 'cancelled']).includes(state);
};

sagaLaws(runTask, {
  input: { taskId: TK, attemptId: AT },
  world: () =>
    lawful(withTask('queued'), {
      isClean: async ({ store, scripted }) =>
        (await isConsistent(store)) &&
        (await sandboxesLeft(store)) === 0 &&
        (await store.read((tx) => tx.table('attempts').count({ state: ['spawning', 'running'] }))) === 0 &&
        scripted.hub.refs.get(`app refs/heads/task/${TK}`) !== scripted.root,
      isDone: async ({ store }) =>
        (await stateOf(store, 'tasks', TK)) === 'completed' &&
        (await sandboxesLeft(store)) === 0 &&
        (await store.read((tx) => tx.table('changes').count({ state: 'merged' }))) === 1,
    }),
});
