/** What has ended is forgotten when its time is over, and nothing that somebody may still need. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Act } from '../../testing/simulation/agents.ts';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds, type SagaRun, type TableName } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const DAY_MS = 86_400_000;

/** A world in which one task was worked on; seed 9 begins with an agent that does good work. */
const worked = async ({ keepAliveMs = 0, acts }: { keepAliveMs?: number; acts?: Act[] } = {}) => {
  const world = createScriptedWorld(digest, { seed: 9, acts });
  const { clock, store, dice, ports } = world;
  const ids = createIds(clock, dice.bytes);
  const coreOf = (owner: string) => createCore({ store, clock, ids, digest, ports, owner });
  const core = coreOf('first');
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs });
  await clock.advance(60_000);
  await core.stop();
  /** Nobody sleeps any more, so days cost nothing; then one pass of everything. */
  const passAfter = async (ms: number) => {
    await clock.advance(ms);
    await clock.through(coreOf('later').reconcilers.runAll());
  };
  const count = (table: TableName) => store.read((tx) => tx.table(table).count());
  const counts = async (...tables: TableName[]) => Promise.all(tables.map(count));
  return { ...world, coreOf, taskId: id, workspaceId, passAfter, count, counts };
};

test('ended runs go with their journals and jobs, seven days later', async () => {
  const { passAfter, counts } = await worked();
  const [runs = 0, lines = 0, jobs = 0] = await counts('sagas', 'journal', 'jobs');
  expect(Math.min(runs, lines, jobs)).toBeGreaterThan(0);
  await passAfter(6 * DAY_MS);
  expect(await counts('sagas', 'journal', 'jobs')).toEqual([runs, lines, jobs]);
  await passAfter(2 * DAY_MS);
  expect(await counts('sagas', 'journal', 'jobs', 'tasks')).toEqual([0, 0, 0, 1]);
});

test('while a sandbox lives, the runs that made it and worked in it stay, and its conversation goes on', async () => {
  const { clock, store, coreOf, taskId, passAfter, count } = await worked({ keepAliveMs: 20 * DAY_MS });
  await passAfter(8 * DAY_MS);
  const runs = await store.read((tx) => tx.table('sagas').list());
  expect(runs.map(({ name }) => name).sort()).toEqual([
    'agent.turn@1',
    'change.land@2',
    'gate.check@1',
    'sandbox.create@1',
    'task.run@2',
  ]);
  const core = coreOf('follow-up');
  await core.start();
  await core.tasks.prompt(taskId, 'And more');
  await clock.advance(60_000);
  await core.stop();
  const sessions = await store.read((tx) => tx.table('sessions').list());
  expect(sessions.map(({ continuity }) => continuity)).toEqual(['new', 'resumed']);
  await passAfter(30 * DAY_MS);
  await passAfter(8 * DAY_MS);
  expect(await count('sagas')).toBe(0);
});

test('nothing that began after a run under way goes, because that run may hear it again', async () => {
  const { clock, store, passAfter } = await worked();
  await passAfter(10 * DAY_MS);
  const insert = (id: string, state: SagaRun['state']) =>
    store.write((tx) => tx.table('sagas').insert({ id, name: 'law.held@1', state, input: null }));
  await insert('sg_before', 'done');
  await clock.advance(1);
  await insert('sg_parent', 'running');
  await insert('sg_child', 'done');
  const left = async () => (await store.read((tx) => tx.table('sagas').list())).map(({ id }) => id);
  await passAfter(300 * DAY_MS);
  expect(await left()).toEqual(['sg_child', 'sg_parent']);
  await store.write((tx) => tx.table('sagas').update('sg_parent', 1, { state: 'done' }));
  await passAfter(6 * DAY_MS);
  expect(await left()).toEqual(['sg_parent']);
  await passAfter(2 * DAY_MS);
  expect(await left()).toEqual([]);
});

test('a run that waits for a person keeps what it will hear again, and nothing of what came after it', async () => {
  const acts: Act[] = ['weak'];
  const { clock, coreOf, store, hub, taskId, workspaceId, passAfter } = await worked({ acts });
  acts[0] = 'good';
  const core = coreOf('first');
  await core.start();
  for (let task = 0; task < 3; task += 1)
    await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
  await clock.advance(60_000);
  await core.stop();
  await passAfter(10 * DAY_MS);
  const left = await store.read((tx) => tx.table('sagas').list());
  expect(left.map(({ name }) => name).sort()).toEqual([
    'agent.turn@1',
    'change.land@2',
    'gate.check@1',
    'gate.check@1',
    'sandbox.create@1',
    'sandbox.create@1',
    'sandbox.create@1',
    'task.run@2',
  ]);
  const later = coreOf('later');
  await later.start();
  const [change] = await store.read((tx) => tx.table('changes').list({ where: { taskId } }));
  await later.changes.decide(change?.id ?? '', { verdict: 'approved', by: 'a person' });
  await clock.advance(60_000);
  await later.stop();
  expect(await store.read((tx) => tx.table('tasks').get(taskId))).toMatchObject({ state: 'completed' });
  const main = hub.refs.get('app refs/heads/main') ?? '';
  expect(hub.look('app', main).tree['package.json']).toContain('check ');
});

const RECORDS = [
  'tasks',
  'attempts',
  'sessions',
  'turns',
  'items',
  'changes',
  'gateRuns',
  'sandboxes',
] as const;

test('a finished task goes whole, ninety days later; what it landed stays', async () => {
  const { hub, taskId, passAfter, counts, store, root } = await worked();
  const landed = hub.refs.get('app refs/heads/main');
  expect(landed).not.toBe(root);
  await store.write((tx) => tx.table('ledger').insert({ ...SPENT, id: 'lg_1', taskId }));
  await passAfter(89 * DAY_MS);
  expect(await counts('tasks', 'attempts', 'ledger', 'sandboxes')).toEqual([1, 1, 1, 0]);
  await passAfter(2 * DAY_MS);
  expect(await counts(...RECORDS, 'ledger')).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect([...hub.refs]).toEqual([['app refs/heads/main', landed]]);
});

const SPENT = {
  attemptId: 'at_1',
  provider: 'x',
  model: 'y',
  usage: { inputTokens: 1, cachedInputTokens: 0, outputTokens: 1 },
  status: 200,
  durationMs: 1,
};

test('work that never landed stays on its branch for as long as its task', async () => {
  const { hub, store, taskId, passAfter } = await worked();
  const branch = `app refs/heads/task/${taskId}_v2`;
  const work = hub.commit('app', { parents: [], tree: { mine: 'yes' } });
  await hub.swap('', 'app', branch.slice('app '.length), undefined, work);
  await passAfter(80 * DAY_MS);
  expect([...hub.refs.keys()].filter((ref) => !ref.endsWith('main'))).toEqual([branch]);
  await passAfter(11 * DAY_MS);
  expect(hub.refs.has(branch)).toBe(false);
  expect(await store.read((tx) => tx.table('tasks').count())).toBe(0);
});

test('a task that somebody still has to look at stays', async () => {
  const { store, taskId, passAfter, count } = await worked();
  const run = { id: 'sg_stuck', name: 'task.run@2', state: 'stuck', input: null, subject: taskId } as const;
  await store.write((tx) => tx.table('sagas').insert(run));
  await passAfter(200 * DAY_MS);
  expect(await count('tasks')).toBe(1);
  expect(await count('items')).toBeGreaterThan(0);
});

test('a task that is gone on with meanwhile is not taken', async () => {
  const { hub, coreOf, taskId, passAfter, count } = await worked();
  const listRefs = hub.listRefs;
  const core = coreOf('person');
  hub.listRefs = async (...asked) => {
    await core.tasks.prompt(taskId, 'And more').catch(() => undefined);
    return listRefs(...asked);
  };
  await passAfter(91 * DAY_MS);
  expect(await count('tasks')).toBe(1);
  expect(await count('attempts')).toBe(1);
});

test('a sandbox that is gone goes with its connections', async () => {
  const { store, passAfter, count } = await worked();
  const [sandbox] = await store.read((tx) => tx.table('sandboxes').list());
  const seen = { host: 'example.com', port: 443, verdict: 'denied', reason: 'x' } as const;
  await store.write(async (tx) => {
    for (let at = 0; at < 450; at += 1)
      await tx.table('connections').insert({
        ...{ ...seen, id: `cn_${at}`, sandboxId: at === 0 ? 'sb_other' : (sandbox?.id ?? '') },
        ...{ sentBytes: 0, receivedBytes: 0 },
      });
  });
  await passAfter(31 * DAY_MS);
  expect(await count('sandboxes')).toBe(0);
  expect(await count('connections')).toBe(1);
});

test('events go by age and by number; tokens and leases when they are of no use any more', async () => {
  const { clock, store, ports, passAfter, count } = await worked();
  Object.assign(ports.retention, { maxEvents: 1000 });
  await store.write(async (tx) => {
    for (let at = 0; at < 1600; at += 1)
      await tx.emit({ type: 'workspace.created', subject: 'x', data: { name: 'x' } });
    const token = { name: 'x', role: 'viewer' } as const;
    await tx.table('tokens').insert({ ...token, id: 'to_valid' });
    await tx.table('tokens').insert({ ...token, id: 'to_revoked', revokedAt: clock.now() });
    await tx.table('tokens').insert({ ...token, id: 'to_expired', expiresAt: clock.now() + 10 * DAY_MS });
    await tx.table('tokenSecrets').insert({ id: 'to_revoked', hash: 'x' });
    await tx.table('leases').insert({ id: 'over', owner: 'x', fence: 1, until: clock.now() });
    await tx.table('leases').insert({ id: 'held', owner: 'x', fence: 1, until: clock.now() + 60 * DAY_MS });
  });
  const range = () => store.read(async (tx) => [await tx.firstSeq(), await tx.lastSeq()]);
  await passAfter(1);
  const [first = 0, last = 0] = await range();
  expect(last - first + 1).toBe(1000);
  await passAfter(31 * DAY_MS);
  expect(await range()).toEqual([last, last]);
  const left = (await store.read((tx) => tx.table('tokens').list())).map(({ id }) => id);
  expect(left).toEqual(['to_expired', 'to_valid']);
  expect(await count('tokenSecrets')).toBe(0);
  expect((await store.read((tx) => tx.table('leases').list())).map(({ id }) => id)).toEqual([
    'held',
    expect.stringMatching('hub/'),
  ]);
  await passAfter(10 * DAY_MS);
  expect(await count('tokens')).toBe(1);
});

test('events go by their bytes, too: few that are large are as many as many small ones', async () => {
  const { store, ports, passAfter } = await worked();
  Object.assign(ports.retention, { maxEventBytes: 100_000 });
  const data = { name: 'x'.repeat(5000) };
  await store.write(async (tx) => {
    for (let at = 0; at < 50; at += 1) await tx.emit({ type: 'workspace.created', subject: 'x', data });
  });
  await passAfter(1);
  const [first = 0, last = 0] = await store.read(async (tx) => [await tx.firstSeq(), await tx.lastSeq()]);
  expect((last - first + 1) * 5000).toBeLessThanOrEqual(100_000);
  expect(last - first + 1).toBeGreaterThan(15);
});
