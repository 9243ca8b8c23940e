import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds, move } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A started core with one task whose job has vanished before it was due. */
const abandoned = async () => {
  const world = createScriptedWorld(digest, { seed: 9 });
  const { clock, store, dice, ports } = world;
  const ids = createIds(clock, dice.bytes);
  const core = createCore({ store, clock, ids, digest, ports, owner: 'test' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', delayMs: 3_600_000 });
  await store.write(async (tx) => {
    for (const job of await tx.table('jobs').list({ where: { key: id } }))
      await tx.table('jobs').remove(job.id);
  });
  const task = () => store.read((tx) => tx.table('tasks').get(id));
  const jobs = () => store.read((tx) => tx.table('jobs').count({ key: id }));
  return { core, store, clock, ids, id, task, jobs };
};

test('a task that waits without a job gets one, once, and is done', async () => {
  const { core, clock, task, jobs } = await abandoned();
  await clock.through(core.reconcilers.runAll());
  expect(await jobs()).toBe(1);
  await clock.advance(10_000);
  await clock.through(core.reconcilers.runAll());
  expect(await task()).toMatchObject({ state: 'completed', attempts: 1 });
});

test('a task whose attempt ended without a word is failed', async () => {
  const { core, store, clock, ids, id, task } = await abandoned();
  const attemptId = ids.new('attempt');
  await store.write(async (tx) => {
    await move(tx, 'tasks', id, { trigger: 'claimed', patch: { attemptId } });
    const row = { id: attemptId, taskId: id, number: 1, agent: 'scripted', rounds: 0 };
    await tx.table('attempts').insert({ ...row, state: 'spawning' });
  });
  await clock.through(core.reconcilers.runAll());
  expect(await task()).toMatchObject({ state: 'failed', attemptId });
});
