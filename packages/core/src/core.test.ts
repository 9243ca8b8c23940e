import { createHash } from 'node:crypto';
import { dataOf } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds } from './kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A started core in a scripted world; seed 9 begins with an agent that does good work. */
const started = async (
  over: {
    maxSandboxes?: number;
    seed?: number;
    locked?: boolean;
    forgeable?: boolean;
    trusted?: string[];
  } = {},
) => {
  const world = createScriptedWorld(digest, { seed: over.seed ?? 9, locked: over.locked });
  const { clock, store, dice } = world;
  const { machines } = world.ports;
  const defaults = {
    ...world.ports.defaults,
    maxSandboxes: over.maxSandboxes ?? 20,
    trustedGateDrivers: over.trusted ?? [],
  };
  const create: typeof machines.create = async (...wanted) => {
    const machine = await machines.create(...wanted);
    return over.forgeable === true
      ? { ...machine, unenforced: [{ kind: 'verdict', reason: 'one user for all' }] }
      : machine;
  };
  const ports = { ...world.ports, machines: { ...machines, create }, defaults };
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const task = (id: string) => store.read((tx) => tx.table('tasks').get(id));
  const settle = (ms = 5000) => clock.advance(ms);
  return { core, world, store, clock, workspaceId, task, settle };
};

test('a task runs to its landing, and a follow-up goes on in its sandbox and conversation', async () => {
  const { core, store, workspaceId, task, settle } = await started();
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it\nplease' });
  await settle();
  expect(await task(id)).toMatchObject({ state: 'completed', title: 'Fix it', attempts: 1 });
  await core.tasks.prompt(id, 'And more');
  await settle();
  expect(await task(id)).toMatchObject({ attempts: 2 });
  const sessions = await store.read((tx) => tx.table('sessions').list({ where: { taskId: id } }));
  expect(sessions.map((one) => one.continuity)).toEqual(['new', 'resumed']);
  const attempts = await store.read((tx) => tx.table('attempts').list({ where: { taskId: id } }));
  expect(attempts[1]?.sandboxId).toBe(attempts[0]?.sandboxId);
  expect(attempts.map((one) => one.branch)).toEqual([`task/${id}`, `task/${id}_v2`]);
});

test('a task is known to be possible before its workspace is made', async () => {
  const { core, world } = await started();
  expect(await core.tasks.check({})).toEqual({
    agent: world.ports.defaults.agent,
    model: undefined,
    driver: (await world.ports.machines.choose({})).name,
  });
});

test('the gate that judges a task is told, with where it comes from', async () => {
  const { core, store, workspaceId, settle } = await started();
  const gate = { commands: [{ name: 'check', run: 'make check' }] };
  const repositories = [{ source: '/app' }];
  const { id: declared } = await core.workspaces.create({ name: 'strict', repositories, gate });
  for (const id of [workspaceId, declared]) await core.tasks.create({ workspaceId: id, prompt: 'Fix it' });
  await settle();
  const events = await store.read((tx) =>
    tx.events({ afterSeq: 0, limit: 1000, type: 'attempt.progressed' }),
  );
  const told = events.flatMap((event) => dataOf(event, 'attempt.progressed') ?? []);
  expect(
    told.flatMap(({ stage, detail, durationMs }) =>
      stage === 'target gate' && durationMs === undefined ? [detail] : [],
    ),
  ).toEqual([expect.stringMatching(/^found in the repository: ./), 'of the workspace: make check']);
});

test('a follow-up after the sandbox is gone starts afresh and is told the conversation', async () => {
  const { core, store, workspaceId, settle } = await started();
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
  await settle();
  await core.tasks.prompt(id, 'And more');
  await settle();
  const [, second] = await store.read((tx) => tx.table('sessions').list({ where: { taskId: id } }));
  expect(second?.continuity).toBe('fresh');
  const turns = await store.read((tx) => tx.table('turns').list({ where: { sessionId: second?.id } }));
  expect(turns[0]?.prompt).toContain('user: Fix it');
  expect(turns[0]).toMatchObject({ cause: 'follow_up' });
});

test('a waiting task is cancelled at once and can be tried again', async () => {
  const { core, workspaceId, task, settle } = await started();
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', delayMs: 60_000 });
  expect(await core.tasks.cancel(id, 'not now')).toMatchObject({ state: 'cancelled' });
  await settle(120_000);
  expect(await task(id)).toMatchObject({ state: 'cancelled', attempts: 0 });
  await expect(core.tasks.prompt(id, 'And more')).rejects.toMatchObject({
    code: 'task.not_completed',
    hint: expect.stringContaining(`berth task retry ${id}`),
  });
  await core.tasks.retry(id);
  await settle();
  expect((await task(id))?.attempts).toBe(1);
  await expect(core.tasks.cancel('tk_none', 'x')).rejects.toMatchObject({ code: 'record.missing' });
});

test('the progress of an attempt can be followed by its stages', async () => {
  const { core, store, workspaceId, settle } = await started();
  await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await settle();
  const events = await store.read((tx) =>
    tx.events({ afterSeq: 0, limit: 1000, type: 'attempt.progressed' }),
  );
  expect([...new Set(events.map((event) => dataOf(event, 'attempt.progressed')?.stage))]).toEqual([
    'sandbox',
    'target gate',
    'agent',
    'gate sandbox',
    'gate',
    'land',
  ]);
});

test('lock files are set up without being told, shown as a stage, and only once', async () => {
  const { core, world, store, workspaceId, settle } = await started({ locked: true });
  const stages = async (): Promise<unknown[]> => {
    const events = await store.read((tx) =>
      tx.events({ afterSeq: 0, limit: 1000, type: 'attempt.progressed' }),
    );
    const told = events.map((event) => dataOf(event, 'attempt.progressed'));
    return told.flatMap((one) => (one?.stage === 'setup' ? [one.detail] : []));
  };
  await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
  await settle();
  expect(await stages()).toEqual(['npm ci', 'npm ci']);
  const built = await store.read((tx) => tx.table('prebuilds').list());
  expect(built).toMatchObject([{ state: 'ready', driver: 'scripted' }]);
  await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
  await settle();
  expect(await store.read((tx) => tx.table('prebuilds').count())).toBe(1);
  expect(await stages()).toHaveLength(2);
  const { id } = await core.workspaces.create({
    ...{ name: 'bare', repositories: [{ source: '/app' }], setup: { commands: [] } },
  });
  await core.tasks.create({ workspaceId: id, prompt: 'Fix it' });
  await settle();
  expect(await store.read((tx) => tx.table('prebuilds').count())).toBe(1);
  expect(world.machines.alive.size).toBe(1);
});

test('a workspace in use stays; afterwards it goes', async () => {
  const { core, workspaceId, settle } = await started();
  const sandbox = await core.sandboxes.create({ workspaceId });
  await expect(core.workspaces.remove(workspaceId)).rejects.toMatchObject({
    code: 'workspace.in_use',
    details: { sandboxes: 1, tasks: 0 },
  });
  expect(await core.sandboxes.remove(sandbox.id, { by: 'tn_1' })).toMatchObject({ state: 'deleting' });
  expect(await core.sandboxes.remove(sandbox.id, { by: 'tn_1' })).toMatchObject({ state: 'deleting' });
  await settle();
  await expect(core.sandboxes.remove(sandbox.id, { by: 'tn_1' })).rejects.toMatchObject({
    code: 'state.illegal',
  });
  await core.workspaces.remove(workspaceId);
  await expect(core.workspaces.remove(workspaceId)).rejects.toMatchObject({ code: 'record.missing' });
});

test('a create that is repeated under its id makes nothing new', async () => {
  const { core, store, world, settle } = await started({ seed: 1 });
  const ids = createIds(world.clock, world.dice.bytes);
  const id = { ws: ids.new('workspace'), tk: ids.new('task'), sb: ids.new('sandbox') };
  const create = async () => {
    const workspace = await core.workspaces.create(
      { name: 'again', repositories: [{ source: '/app' }] },
      id.ws,
    );
    const task = await core.tasks.create({ workspaceId: workspace.id, prompt: 'Fix it' }, id.tk);
    const sandbox = await core.sandboxes.create({ workspaceId: workspace.id }, id.sb);
    return [workspace.id, task.id, sandbox.id];
  };
  expect(await create()).toEqual(Object.values(id));
  await settle();
  expect(await create()).toEqual(Object.values(id));
  const counts = await store.read(async (tx) => [
    await tx.table('workspaces').count(),
    await tx.table('tasks').count(),
    await tx.table('sandboxes').count({ state: 'running' }),
    await tx.table('jobs').count({ queue: 'task.run' }),
  ]);
  expect(counts).toEqual([2, 1, 2, 1]);
});

test('names of workspaces are unique, drivers known', async () => {
  const { core } = await started();
  const repositories = [{ source: '/app' }];
  await expect(core.workspaces.create({ repositories })).rejects.toMatchObject({ code: 'record.exists' });
  await expect(core.workspaces.create({ name: 'x', driver: 'nope', repositories })).rejects.toMatchObject({
    code: 'driver.unknown',
  });
  const gate = { commands: [{ name: 'a', run: 'a', repository: 'other' }] };
  await expect(core.workspaces.create({ name: 'x', gate, repositories })).rejects.toMatchObject({
    details: { issues: [{ path: 'body.gate.commands[0].repository' }] },
  });
  const setup = { commands: ['a', { run: 'a', repository: 'other' }] };
  const circle = { commands: [{ name: 'a', run: 'make', needs: ['a'] }] };
  await expect(core.workspaces.create({ name: 'x', gate: circle, repositories })).rejects.toMatchObject({
    code: 'request.invalid',
    details: { issues: [{ path: 'body.gate.commands[0].needs[0]' }] },
  });
  await expect(core.workspaces.create({ name: 'x', setup, repositories })).rejects.toMatchObject({
    details: { issues: [{ path: 'body.setup.commands[1].repository' }] },
  });
});

test('the ceiling of sandboxes holds, and nothing is left of the one too many', async () => {
  const { core, store } = await started({ maxSandboxes: 1 });
  await core.sandboxes.create({});
  await expect(core.sandboxes.create({})).rejects.toMatchObject({ code: 'sandbox.limit_reached' });
  expect(await store.read((tx) => tx.table('sandboxes').count())).toBe(1);
});

test('a sandbox whose machine is gone takes no slot', async () => {
  const { core, world, settle } = await started({ maxSandboxes: 1 });
  const { id } = await core.sandboxes.create({});
  await world.machines.destroy('scripted', id);
  await settle(10_000);
  expect(await core.sandboxes.create({})).toMatchObject({ state: 'running' });
  await expect(core.sandboxes.create({})).rejects.toMatchObject({ code: 'sandbox.limit_reached' });
});

test('a sandbox ends by itself when its time is over', async () => {
  const { core, store, settle } = await started();
  const { id } = await core.sandboxes.create({ ttlMs: 10_000 });
  await settle(20_000);
  expect((await store.read((tx) => tx.table('sandboxes').get(id)))?.state).toBe('destroyed');
});

test('a sandbox whose machine is gone says so, and can still be removed', async () => {
  const { core, world, store, settle } = await started();
  const { id } = await core.sandboxes.create({});
  await world.machines.destroy('scripted', id);
  await settle(10_000);
  const state = async () => (await store.read((tx) => tx.table('sandboxes').get(id)))?.state;
  expect(await state()).toBe('error');
  await core.sandboxes.remove(id, { by: 'tn_1' });
  await settle();
  expect(await state()).toBe('destroyed');
});

test('a change that loses every race to others is verified anew until it lands', async () => {
  const { core, world, store, workspaceId, task, settle } = await started();
  const { hub } = world;
  const target = 'refs/heads/main';
  let others = 0;
  const inner = hub.swap.bind(hub);
  // Somebody outside lands between every gate and its landing, more often than anybody would have the patience for.
  world.ports.hub.swap = async (...move) => {
    const [id, repository, ref, from] = move;
    const isLanding =
      ref === target && from !== undefined && (await hub.resolve(id, repository, ref)) === from;
    if (isLanding && others < 12) {
      others += 1;
      const tree = { ...hub.look(repository, from).tree, [`other${others}`]: 'x' };
      await inner(id, repository, ref, from, hub.commit(repository, { parents: [from], tree }));
    }
    return inner(...move);
  };
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
  await settle(60_000);
  expect(await task(id)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(others).toBe(12);
  const changes = await store.read((tx) => tx.table('changes').countBy('state'));
  expect(changes).toEqual({ rejected: 12, merged: 1 });
});

test.each(['files', 'merge', 'swap'] as const)(
  'a cancel ends what the hub does for the task: %s',
  async (act) => {
    const { core, world, workspaceId, task, settle } = await started();
    const { hub } = world.ports;
    let began = false;
    const slow = (signal: AbortSignal) => (): Promise<never> => {
      began = true;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    // The undo of a step is not ended, and finds the hub at work again.
    hub.until = (signal) => (began ? hub : { ...hub, [act]: slow(signal) });
    const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it' });
    await settle(20_000);
    expect(began).toBe(true);
    await core.tasks.cancel(id, 'not now');
    await settle(20_000);
    expect(await task(id)).toMatchObject({ state: 'cancelled' });
  },
);

test('where a command can forge the verdict no agent is asked, unless the driver is trusted by name', async () => {
  const unsure = await started({ forgeable: true });
  const { id } = await unsure.core.tasks.create({ workspaceId: unsure.workspaceId, prompt: 'Fix it' });
  await unsure.settle(60_000);
  expect(await unsure.task(id)).toMatchObject({
    state: 'failed',
    error: { code: 'gate.forgeable', details: { driver: 'scripted', reason: 'one user for all' } },
  });
  expect(await unsure.store.read((tx) => tx.table('turns').list({}))).toEqual([]);
  const trusted = await started({ forgeable: true, trusted: ['scripted'] });
  const sure = await trusted.core.tasks.create({ workspaceId: trusted.workspaceId, prompt: 'Fix it' });
  await trusted.settle();
  expect(await trusted.task(sure.id)).toMatchObject({ state: 'completed' });
  const [sandbox] = await trusted.store.read((tx) => tx.table('sandboxes').list({}));
  expect(sandbox?.unenforced).toEqual(['verdict: one user for all']);
});
