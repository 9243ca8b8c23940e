/** Invariants of a quiescent system, whatever happened before. Each violation is one sentence. */
import type { Change } from '@berth/contract';
import type { ReadTx, Store, TableName } from '../../src/kernel/index.ts';
import { TERMINAL_STATES } from '../laws/terminal-states.ts';
import type { ScriptedAgents } from './agents.ts';
import type { ScriptedMachines } from './machines.ts';
import type { ScriptedHub } from './repository.ts';

export interface QuiescentSystem {
  readonly store: Store;
  readonly hub: ScriptedHub;
  readonly machines: ScriptedMachines;
  readonly agents: ScriptedAgents;
  /** The target's first commit. */
  readonly root: string;
  /** Ids of tasks whose creation was answered. */
  readonly promised: readonly string[];
}

export const violatedInvariants = ({ store, ...world }: QuiescentSystem): Promise<string[]> =>
  store.read(async (tx) => [
    ...(await unfinished(tx)),
    ...(await lostTasks(tx, world.promised)),
    ...(await early(tx)),
    ...world.agents.contradicted.map((id) => `${id} got two answers to the same permission request`),
    ...(await leaks(tx, world.machines)),
    ...(await missingLayers(tx, world.machines)),
    ...(await landings(tx, world)),
    ...(await refs(tx, world.hub)),
    ...(await log(tx)),
  ]);

const ALL = { limit: 100_000 };
const unfinished = async (tx: ReadTx): Promise<string[]> => {
  const broken: string[] = [];
  // The keys of a constant are its keys.
  for (const table of Object.keys(TERMINAL_STATES) as (keyof typeof TERMINAL_STATES)[]) {
    const resting: readonly string[] = TERMINAL_STATES[table];
    const rows: readonly { id: string; state: string }[] = await tx.table(table).list(ALL);
    for (const row of rows)
      if (!resting.includes(row.state)) broken.push(`${table}: ${row.id} is still ${row.state}${whyOf(row)}`);
  }
  return broken;
};

const whyOf = (row: object): string => ('stuckAt' in row ? ` at ${JSON.stringify(row.stuckAt)}` : '');

const lostTasks = async (tx: ReadTx, promised: readonly string[]): Promise<string[]> => {
  const broken: string[] = [];
  for (const id of promised)
    if ((await tx.table('tasks').get(id)) === undefined) broken.push(`${id} is lost`);
  for (const task of await tx.table('tasks').list(ALL)) {
    if (task.state === 'completed' && task.changeId === undefined)
      broken.push(`${task.id} completed nothing`);
    if (task.state === 'failed' && task.error === undefined)
      broken.push(`${task.id} failed without a reason`);
    if (task.error !== undefined && !REASONS.includes(task.error.code))
      broken.push(`${task.id} failed with ${task.error.code}: ${task.error.message}`);
  }
  return broken;
};

/** A task starts only when all that it comes after have completed before. Events may have been deleted. */
const early = async (tx: ReadTx): Promise<string[]> => {
  if ((await tx.firstSeq()) > 1) return [];
  const events = await tx.events({ afterSeq: 0, limit: 1_000_000, type: 'task.*' });
  const first = (type: string, id: string): number =>
    events.find((event) => event.type === type && event.subject === id)?.seq ?? Number.POSITIVE_INFINITY;
  const broken: string[] = [];
  for (const { id, after = [], attempts } of await tx.table('tasks').list(ALL))
    for (const other of after)
      if (attempts > 0 && first('task.claimed', id) < first('task.completed', other))
        broken.push(`${id} started before ${other} had completed`);
  return broken;
};

/** Why a task may fail here; anything else is a bug in the core. */
const REASONS = [
  'agent.crashed',
  'agent.no_change',
  'change.conflicted',
  'change.refused',
  'driver.failed',
  'gate.red',
  'saga.stuck',
  'sandbox.died',
  'setup.failed',
  'setup.unfinished',
  'task.dependency_failed',
  'work.cancelled',
  'work.crashed',
];

const leaks = async (tx: ReadTx, machines: ScriptedMachines): Promise<string[]> => {
  const grants = await tx.table('grants').list(ALL);
  return [
    ...[...machines.alive.keys(), ...machines.dead.keys()].map((id) => `the machine ${id} is left over`),
    ...grants.map(({ id }) => `the grant ${id} is left over`),
  ];
};

/** What a prebuild references exists. */
const missingLayers = async (tx: ReadTx, { layers }: ScriptedMachines): Promise<string[]> => {
  const ready = await tx.table('prebuilds').list({ ...ALL, where: { state: 'ready' } });
  return ready
    .filter(({ layer = '' }) => !layers.has(layer))
    .map(({ id, layer }) => `the layer ${layer} of ${id} is missing`);
};

/** The target contains every merged change once, in a linear history, and nothing else. */
const landings = async (
  tx: ReadTx,
  { hub, root }: Pick<QuiescentSystem, 'hub' | 'root'>,
): Promise<string[]> => {
  const changes = await tx.table('changes').list(ALL);
  const mergeOf = (change: Change): string | undefined => change.parts[0]?.merge;
  const merged = changes.filter(({ state }) => state === 'merged').map(mergeOf);
  const line: string[] = [];
  for (let at = hub.refs.get('app refs/heads/main'); at !== undefined && at !== root; ) {
    line.push(at);
    at = hub.look('app', at).parents[0];
  }
  return [
    ...merged
      .filter((id) => id === undefined || !line.includes(id))
      .map((id) => `${id} is merged but not on the target`),
    ...line.filter((id) => !merged.includes(id)).map((id) => `${id} is on the target but not merged`),
    ...(new Set(merged).size === merged.length ? [] : ['a change landed twice']),
    ...(await perTask(tx, changes)),
    ...line.flatMap((id) => weakenedWithoutYes(hub, changes, id)),
  ];
};

/** The gate's files have changed without approval. */
const weakenedWithoutYes = (
  hub: Pick<ScriptedHub, 'look'>,
  changes: readonly Change[],
  landed: string,
): string[] => {
  const { parents, tree } = hub.look('app', landed);
  const before = hub.look('app', parents[0] ?? '').tree;
  const change = changes.find(({ parts }) => parts[0]?.merge === landed);
  const isWeaker = before['package.json'] !== tree['package.json'];
  return isWeaker && change?.decision?.verdict !== 'approved'
    ? [`${landed} weakened the gate without approval`]
    : [];
};

/** An attempt lands at most one change, and a completed one exactly one. */
const perTask = async (tx: ReadTx, changes: readonly Change[]): Promise<string[]> => {
  const broken: string[] = [];
  for (const attempt of await tx.table('attempts').list(ALL)) {
    const landed = changes.filter((one) => one.attemptId === attempt.id && one.state === 'merged').length;
    if (landed !== (attempt.state === 'completed' ? 1 : 0))
      broken.push(`${attempt.id} is ${attempt.state} and landed ${landed} changes`);
  }
  return broken;
};

const refs = async (tx: ReadTx, hub: ScriptedHub): Promise<string[]> => {
  const broken: string[] = [];
  const attempts = await tx.table('attempts').list(ALL);
  for (const [key, commit] of hub.refs) {
    const [, ref = ''] = key.split(' ');
    const [, , kind, id = ''] = ref.split('/');
    if (kind === 'changes' || kind === 'revert') {
      const change = await tx.table('changes').get(id);
      if (change?.state !== 'merged') broken.push(`${ref} is left over`);
    }
    if (kind === 'task') {
      const name = ref.slice('refs/heads/'.length);
      const ours = attempts.filter((one) => one.branch === name);
      const saved = [...hub.refs].some(
        ([other, at]) =>
          at === commit && ours.some((one) => other.startsWith(`app refs/berth/turns/${one.id}/`)),
      );
      if (!saved) broken.push(`${ref} has nothing on it`);
    }
  }
  return broken;
};

const log = async (tx: ReadTx): Promise<string[]> => {
  const [first, last] = [await tx.firstSeq(), await tx.lastSeq()];
  const events = await tx.events({ afterSeq: 0, limit: 1_000_000 });
  const holes = events.some(({ seq }, index) => seq !== first + index) || events.at(-1)?.seq !== last;
  return holes ? ['the log of events has holes'] : [];
};

/** Data untouched for longer than any retention leaves nothing behind, in the store and in the repositories. */
export const unforgotten = ({ store, hub }: Pick<QuiescentSystem, 'store' | 'hub'>): Promise<string[]> =>
  store.read(async (tx) => {
    const left: string[] = [];
    for (const table of FORGOTTEN)
      for (const { id } of await tx.table(table).list(ALL)) left.push(`${table}: ${id} is never forgotten`);
    const refs = [...hub.refs.keys()].filter((ref) => ref !== 'app refs/heads/main');
    if ((await tx.firstSeq()) !== (await tx.lastSeq())) left.push('events are never forgotten');
    return [...left, ...refs.map((ref) => `${ref} is never dropped`)];
  });

const FORGOTTEN = [
  ...['tasks', 'attempts', 'sessions', 'turns', 'permissions', 'items', 'changes', 'gateRuns', 'ledger'],
  ...['sandboxes', 'connections', 'sagas', 'journal', 'jobs', 'grants'],
] as readonly TableName[];
