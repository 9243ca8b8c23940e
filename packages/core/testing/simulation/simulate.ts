/**
 * The whole core against a simulated world, driven by seeded randomness: tasks are created, cancelled, retried and
 * continued; calls fail, are delayed, or act and then fail; the core is killed at any time and restarted. Then the
 * faults end, time passes, and the invariants are checked.
 */
import { type Core, createCore } from '../../src/core.ts';
import { directJudge } from '../../src/gate/index.ts';
import { createIds, type Store } from '../../src/kernel/index.ts';
import type { Defaults, ExternalPorts, Grants, Permissions, Retention } from '../../src/ports.ts';
import { createManualClock, createMemoryStore, type ManualClock } from '../index.ts';
import { type Act, createScriptedAgents, type ScriptedAgents } from './agents.ts';
import { createDice, type Dice } from './dice.ts';
import { unforgotten, violatedInvariants } from './invariants.ts';
import { createScriptedCheckouts, createScriptedMachines, type ScriptedMachines } from './machines.ts';
import { createScriptedHub, type ScriptedHub } from './repository.ts';
import { type Faults, type ServerLife, startServerLife } from './server-life.ts';

type Digest = (text: string) => string;

export interface Seed {
  readonly seed: number;
  readonly steps: number;
  /** Percentage of calls that fail or are delayed. */
  readonly failing: number;
  /** Percentage of saga points at which the core dies. */
  readonly deadly: number;
  /** Whether the workspace has a set-up, and the driver has snapshots. */
  readonly setup?: boolean | undefined;
  /** Whether ended records are dropped immediately instead of after days. */
  readonly hasty?: boolean | undefined;
  /** Percentage of calls at which a machine dies; 0 when absent. */
  readonly dying?: number | undefined;
  /** Percentage of tasks that come after earlier ones; 0 when absent. */
  readonly dependent?: number | undefined;
  /** Concurrent sandboxes. */
  readonly ceiling?: number | undefined;
}

export interface Outcome {
  readonly broken: readonly string[];
  readonly lives: number;
  readonly tasks: Readonly<Record<string, number>>;
}

export interface ScriptedWorld {
  readonly clock: ManualClock;
  readonly dice: Dice;
  readonly hub: ScriptedHub;
  readonly machines: ScriptedMachines;
  readonly agents: ScriptedAgents;
  readonly ports: ExternalPorts;
  readonly store: Store;
  readonly digest: Digest;
  readonly root: string;
}

const REST_MS = 60_000;
const MAX_RESTS = 120;

export const createScriptedWorld = (
  digest: Digest,
  {
    seed,
    setup = true,
    hasty = false,
    locked = false,
    tests = false,
    ceiling = DEFAULTS.maxSandboxes,
    acts,
  }: Pick<Seed, 'seed' | 'setup' | 'hasty' | 'ceiling'> & {
    readonly locked?: boolean | undefined;
    readonly tests?: boolean | undefined;
    readonly acts?: readonly Act[] | undefined;
  },
): ScriptedWorld => {
  const clock = createManualClock();
  const dice = createDice(seed);
  const hub = createScriptedHub(digest);
  const root = hub.commit('app', {
    parents: [],
    tree: { 'package.json': MANIFEST, ...(locked ? LOCK : {}), ...(tests ? TESTS : {}), shared: 'start' },
  });
  void hub.swap('', 'app', 'refs/heads/main', undefined, root);
  const machines = createScriptedMachines({ snapshots: setup });
  const checkouts = createScriptedCheckouts(machines, hub);
  const agents = createScriptedAgents({ dice, hub, machines, acts });
  let asked = 0;
  const permissions: Permissions = {
    decide: async () => {
      asked += 1;
      return asked % 2 === 0 ? 'allow_once' : 'reject_once';
    },
  };
  const ports = {
    machines,
    hub,
    checkouts,
    agents,
    permissions,
    grants: GRANTS,
    judge: directJudge,
    defaults: { ...DEFAULTS, maxSandboxes: ceiling },
    retention: { ...(hasty ? HASTY : RETENTION) },
  };
  const store = createMemoryStore({ clock, ids: createIds(clock, dice.bytes) });
  return { clock, dice, hub, machines, agents, ports, store, digest, root };
};

const MANIFEST = JSON.stringify({ scripts: { test: 'check' } });
/** Tests that pass as they are: see `check` in `machines.ts`. */
const TESTS = { 'app.test.js': 'assert.equal(answer(), 42);\n' };
const LOCK = { 'package-lock.json': '{}' };
const GRANTS: Grants = { tokenFor: (id) => `token of ${id}`, hash: (token) => `hash of ${token}` };
const DEFAULTS: Defaults = {
  limits: { cpus: 1, memoryBytes: 2 ** 30, pids: 100, diskBytes: 2 ** 30, inodes: 10_000 },
  egress: { preset: 'none' },
  agent: 'scripted',
  trustedGateDrivers: [],
  maxSandboxes: 20,
  keepAliveMs: 60_000,
  maxRounds: 3,
  gate: 'standard',
  gateTimeoutMs: 60_000,
  alteredTests: true,
  targetGateWaitMs: 60_000,
  setupTimeoutMs: 60_000,
};

const DAY_MS = 86_400_000;
const RETENTION: Retention = {
  runsMs: 7 * DAY_MS,
  eventsMs: 30 * DAY_MS,
  maxEvents: 500_000,
  maxEventBytes: 2 ** 30,
  tasksMs: 90 * DAY_MS,
  sandboxesMs: 30 * DAY_MS,
  refsMs: 30 * DAY_MS,
  tokensMs: 30 * DAY_MS,
  approvalsMs: 14 * DAY_MS,
};
/** Negative, because this clock stands still during work. Tasks and refs stay: they are what the invariants check. */
const HASTY: Retention = { ...RETENTION, runsMs: -1, eventsMs: -1, sandboxesMs: -1, tokensMs: -1 };
const LONGER_THAN_ANY_RETENTION_MS = 100 * DAY_MS;

export const simulate = async (digest: Digest, seed: Seed): Promise<Outcome> => {
  const world = createScriptedWorld(digest, seed);
  const faults: Faults = { failing: 0, deadly: 0, dying: 0 };
  const lives = createLives(world, faults, seed);
  const workspaceId = await importWorkspace(world, lives.core(), seed);
  Object.assign(faults, { failing: seed.failing, deadly: seed.deadly, dying: seed.dying ?? 0 });
  const promised = new Set<string>();
  for (let step = 0; step < seed.steps; step += 1) {
    await act(world, lives.core(), { workspaceId, promised, dependent: seed.dependent });
    await world.clock.advance(world.dice.below(8000));
    if (lives.current().isOver() || world.dice.percent(seed.deadly)) lives.restart();
  }
  Object.assign(faults, { failing: 0, deadly: 0, dying: 0 });
  await rest(world, lives);
  const { store } = world;
  const broken = await violatedInvariants({ ...world, promised: [...promised] });
  const tasks = await store.read((tx) => tx.table('tasks').countBy('state'));
  const count = lives.count();
  const forgotten = await afterLongAbsence(world, lives);
  return { broken: [...broken, ...forgotten], lives: count, tasks };
};

const importWorkspace = async (
  { clock }: ScriptedWorld,
  core: Core,
  { setup = true }: Seed,
): Promise<string> => {
  const repositories = [{ source: '/app' }];
  const commands = setup ? { setup: { commands: ['npm ci'] } } : {};
  return (await clock.through(core.workspaces.create({ repositories, ...commands }))).id;
};

const createLives = (world: ScriptedWorld, faults: Faults, { hasty = false }: Seed) => {
  let count = 0;
  let life: ServerLife;
  let core: Core;
  const restart = (): void => {
    life?.kill();
    count += 1;
    const own = startServerLife({ ...world, faults, killOne: () => killOne(world) });
    life = own;
    let isForgetting = false;
    const forget = (): void => {
      if (!hasty || isForgetting) return;
      isForgetting = true;
      const done = (): void => {
        isForgetting = false;
      };
      core.reconcilers.runAll().then(done, done);
    };
    core = createCore({
      ...life,
      ids: createIds(world.clock, world.dice.bytes),
      digest: world.digest,
      owner: `life ${count}`,
      crashPoint: () => {
        forget();
        own.crashPoint();
      },
    });
    // A life that ends during start-up never resolves; start the next one.
    void core.start();
  };
  restart();
  return { restart, current: () => life, core: () => core, count: () => count };
};

const killOne = ({ dice, machines }: ScriptedWorld): void => {
  const ids = [...machines.alive.keys()];
  machines.kill(ids[dice.below(ids.length)] ?? '');
};

interface Acting {
  readonly workspaceId: string;
  readonly promised: Set<string>;
  readonly dependent: number | undefined;
}

/** User actions. Refusals (a task that can no longer be cancelled) are normal answers. */
const act = async (
  { dice, store }: ScriptedWorld,
  { tasks, changes }: Core,
  { workspaceId, promised, dependent = 0 }: Acting,
): Promise<void> => {
  const known = [...promised];
  const one = known[dice.below(known.length)];
  const kind = dice.below(10);
  if (kind < 4 || one === undefined) {
    const task = { workspaceId, prompt: 'do it', priority: 1 + dice.below(10), delayMs: dice.below(3000) };
    // Runs of seeds without it stay unchanged.
    const isDependent = dependent > 0 && known.length > 0 && dice.percent(dependent);
    const after = isDependent ? [known[dice.below(known.length)] ?? '', known.at(-1) ?? ''] : undefined;
    tasks.create({ ...task, after }).then(({ id }) => promised.add(id), ignore);
  } else if (kind < 6) tasks.cancel(one, 'by the dice').catch(ignore);
  else if (kind < 7) tasks.retry(one).catch(ignore);
  else if (kind < 9) tasks.prompt(one, 'and more').catch(ignore);
  else for (const id of await waitingIn(store)) changes.decide(id, decisionBy(dice)).catch(ignore);
};

const ignore = (): void => undefined;

const waitingIn = (store: Store): Promise<string[]> =>
  store.read(async (tx) => {
    const waiting = await tx.table('changes').list({ where: { state: 'waiting' } });
    return waiting.filter(({ decision }) => decision === undefined).map(({ id }) => id);
  });

const decisionBy = (dice: Dice) => ({
  verdict: dice.percent(60) ? ('approved' as const) : ('rejected' as const),
  by: 'the dice',
});

const rest = async (
  { clock, store, dice }: ScriptedWorld,
  lives: ReturnType<typeof createLives>,
): Promise<void> => {
  if (lives.current().isOver()) lives.restart();
  for (let rests = 0; rests < MAX_RESTS; rests += 1) {
    await clock.advance(REST_MS);
    const waiting = await waitingIn(store);
    for (const id of waiting) lives.core().changes.decide(id, decisionBy(dice)).catch(ignore);
    if (waiting.length === 0 && (await store.read(isQuiet))) return;
  }
};

/** The server is down for very long; then it starts once more, with time for a pass of every reconciler. */
const afterLongAbsence = async (
  world: ScriptedWorld,
  lives: ReturnType<typeof createLives>,
): Promise<string[]> => {
  lives.current().kill();
  await world.clock.advance(LONGER_THAN_ANY_RETENTION_MS);
  lives.restart();
  await world.clock.advance(REST_MS);
  return unforgotten(world);
};

const isQuiet: Parameters<Store['read']>[0] = async (tx) => {
  const jobs = await tx.table('jobs').count({ state: ['waiting', 'active'] });
  const { destroyed = 0, ...alive } = await tx.table('sandboxes').countBy('state');
  return jobs === 0 && Object.keys(alive).length === 0 && destroyed >= 0;
};
