import { createHash } from 'node:crypto';
import { MAX_DEPENDENCIES, TaskCreate } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const begin = async (tasksMs?: number) => {
  const { clock, store, dice, ports: open } = createScriptedWorld(digest, { seed: 5, acts: ['good'] });
  const ports = { ...open, retention: { ...open.retention, tasksMs: tasksMs ?? open.retention.tasksMs } };
  const coreOf = (owner: string) =>
    createCore({ ...{ store, clock, digest, ports, owner, maxTasks: 1 }, ids: createIds(clock, dice.bytes) });
  const core = coreOf('first');
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const create = async (more: Partial<TaskCreate> = {}, by = core) =>
    (await by.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0, ...more })).id;
  const task = (id: string) => store.read((tx) => tx.table('tasks').get(id));
  const jobs = (id: string) => store.read((tx) => tx.table('jobs').count({ key: id }));
  const typesOf = async (id: string) =>
    (await store.read((tx) => tx.events({ afterSeq: 0, limit: 100, subject: id }))).map(({ type }) => type);
  return { clock, store, coreOf, core, workspaceId, create, task, jobs, typesOf };
};

test('a task waits for all that it comes after without a job, over a restart, and then runs once', async () => {
  const { clock, coreOf, core, create, task, jobs, typesOf } = await begin();
  const first = await create({ delayMs: 60_000 });
  const second = await create({ delayMs: 120_000 });
  const last = await create({ after: [first, second, first], delayMs: 5000, parentId: first });
  const other = await create();
  await clock.advance(20_000);
  expect(await task(other)).toMatchObject({ state: 'completed' });
  expect(await task(last)).toMatchObject({ state: 'blocked', after: [first, second], parentId: first });
  expect(await jobs(last)).toBe(0);
  await core.stop();
  const next = coreOf('second');
  await next.start();
  await clock.advance(70_000);
  expect([(await task(first))?.state, (await task(last))?.state]).toEqual(['completed', 'blocked']);
  await clock.advance(30_000);
  while ((await task(second))?.state !== 'completed') await clock.advance(100);
  expect(await task(last)).toMatchObject({ state: 'queued' });
  await clock.advance(4000);
  expect(await task(last)).toMatchObject({ state: 'queued' });
  await clock.advance(20_000);
  expect(await task(last)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(await jobs(last)).toBe(1);
  expect((await typesOf(last)).slice(0, 4)).toEqual([
    'task.created',
    'task.blocked',
    'task.unblocked',
    'task.claimed',
  ]);
  await next.stop();
});

test('a failure fails all that comes after it, with the reason; retried in order, they complete', async () => {
  const { clock, core, create, task } = await begin();
  const first = await create({ delayMs: 60_000 });
  const second = await create({ after: [first] });
  const third = await create({ after: [second] });
  await core.tasks.cancel(first, 'enough');
  await clock.advance(1000);
  const error = (id: string, state: string) => ({
    state: 'failed',
    endedAt: expect.any(Number),
    error: expect.objectContaining({ code: 'task.dependency_failed', details: { id, state } }),
  });
  expect(await task(second)).toMatchObject(error(first, 'cancelled'));
  expect(await task(third)).toMatchObject(error(second, 'failed'));
  await expect(create({ after: [third] })).rejects.toMatchObject({ code: 'task.dependency_failed' });
  await expect(core.tasks.retry(second)).rejects.toMatchObject({ code: 'task.dependency_failed' });
  await core.tasks.retry(first);
  expect((await core.tasks.retry(second)).state).toBe('blocked');
  expect((await core.tasks.retry(third)).state).toBe('blocked');
  await clock.advance(60_000);
  expect(await Promise.all([first, second, third].map(async (id) => (await task(id))?.state))).toEqual([
    'completed',
    'completed',
    'completed',
  ]);
  expect(await task(third)).toMatchObject({ attempts: 1 });
  await core.stop();
});

test('a blocked task is cancelled like a queued one, and keeps its workspace', async () => {
  const { clock, core, workspaceId, create, task, jobs } = await begin();
  const first = await create({ delayMs: 3_600_000 });
  const second = await create({ after: [first] });
  await expect(core.workspaces.remove(workspaceId)).rejects.toMatchObject({ code: 'workspace.in_use' });
  expect((await core.tasks.cancel(second, 'enough')).state).toBe('cancelled');
  await core.tasks.cancel(first, 'enough');
  await clock.advance(60_000);
  expect(await task(second)).toMatchObject({ state: 'cancelled', error: { code: 'work.cancelled' } });
  expect(await jobs(second)).toBe(0);
  await core.stop();
});

test('only existing tasks of the same workspace can be named, and only so many', async () => {
  const { core, create } = await begin();
  const { id: workspaceId } = await core.workspaces.create({
    name: 'other',
    repositories: [{ source: '/app' }],
  });
  const foreign = await create({ workspaceId, delayMs: 3_600_000 });
  const issues = (path: string) => ({ details: { issues: [expect.objectContaining({ path })] } });
  await expect(create({ after: [foreign] })).rejects.toMatchObject(issues('body.after[0]'));
  await expect(create({ parentId: foreign })).rejects.toMatchObject(issues('body.parentId'));
  const unknown = `tk_${'0'.repeat(20)}`;
  await expect(create({ after: [unknown] })).rejects.toMatchObject({ code: 'record.missing' });
  const after = Array.from({ length: MAX_DEPENDENCIES + 1 }, () => unknown);
  const issue = TaskCreate.safeParse({ workspaceId, prompt: 'x', after }).error?.issues[0];
  expect(issue?.path).toEqual(['after']);
  await core.stop();
});

test('a completed task is not deleted while a blocked one still comes after it', async () => {
  const { clock, store, core, create, task } = await begin(60_000);
  const [first, unneeded] = [await create(), await create()];
  await clock.advance(20_000);
  const second = await create({ delayMs: 3_600_000 });
  const third = await create({ after: [first, second] });
  await clock.advance(120_000);
  await clock.through(core.reconcilers.runAll());
  expect(await task(unneeded)).toBeUndefined();
  expect(await task(first)).toMatchObject({ state: 'completed' });
  await store.write((tx) => tx.table('tasks').remove(first));
  await core.tasks.cancel(second, 'enough');
  await clock.advance(1000);
  expect(await task(third)).toMatchObject({
    state: 'failed',
    error: { code: 'task.dependency_failed', details: { id: first, state: 'deleted' } },
  });
  await core.stop();
});
