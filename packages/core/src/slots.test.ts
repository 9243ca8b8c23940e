import { createHash } from 'node:crypto';
import { dataOf } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds, type Log, silentLog } from './kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A core with one slot for each of two sandboxes, both taken, and one worker for tasks. */
const started = async (onTurn: () => Promise<unknown> = async () => undefined) => {
  const { clock, store, dice, ports: open } = createScriptedWorld(digest, { seed: 9, acts: ['good'] });
  const turn: typeof open.agents.turn = async (...asked) => {
    await onTurn();
    return open.agents.turn(...asked);
  };
  const agents = { ...open.agents, turn };
  const ports = { ...open, agents, defaults: { ...open.defaults, maxSandboxes: 2 } };
  const left: string[] = [];
  const warn: Log['warn'] = (event, facts) => {
    if (event === 'reconcile.left') left.push(String(facts?.error));
  };
  const core = createCore({
    log: { ...silentLog, warn },
    ...{ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test', maxTasks: 1 },
  });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const taken = [await core.sandboxes.create({}), await core.sandboxes.create({})];
  const run = (keepAliveMs = 0) => core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs });
  const task = (id: string) => store.read((tx) => tx.table('tasks').get(id));
  const jobs = () => store.read((tx) => tx.table('jobs').list({ where: { queue: 'task.run' } }));
  return { core, clock, store, taken, run, task, jobs, left };
};

test('work without a slot holds no worker, is shown, and begins when there is one, as if it had never been tried', async () => {
  const { core, clock, taken, run, task, jobs } = await started();
  const [one, two] = [await run(), await run()];
  await clock.advance(1000);
  expect((await jobs()).map(({ state, attempts, error }) => [state, attempts, error?.code])).toEqual([
    ['waiting', 0, 'sandbox.limit_reached'],
    ['waiting', 0, 'sandbox.limit_reached'],
  ]);
  await core.reconcilers.runAll();
  expect(core.troubles.list()).toMatchObject([
    { detail: expect.stringMatching(/limit of 2 sandboxes.*2 created manually: sb_\w+, sb_/) },
  ]);
  await core.tasks.cancel(two.id, 'enough');
  for (const { id } of taken) await core.sandboxes.remove(id, { by: 'tn_1' });
  await clock.advance(8000);
  expect(await task(one.id)).toMatchObject({ state: 'completed', attempts: 1 });
  expect(await task(two.id)).toMatchObject({ state: 'cancelled' });
  expect((await jobs())[0]).toMatchObject({ state: 'done', attempts: 1, crashes: 0 });
  await core.reconcilers.runAll();
  expect(core.troubles.list()).toEqual([]);
});

test('a run under way waits for its next sandbox in the same way, and is cancelled at once', async () => {
  // While the agent works somebody takes the slot that was left for the gate.
  const { core, clock, store, taken, run, task, jobs }: Awaited<ReturnType<typeof started>> = await started(
    () => core.sandboxes.create({}),
  );
  for (const { id } of taken) await core.sandboxes.remove(id, { by: 'tn_1' });
  await clock.advance(8000);
  const { id } = await run();
  await clock.advance(20_000);
  expect(await task(id)).toMatchObject({ state: 'verifying' });
  expect(await jobs()).toMatchObject([{ state: 'waiting', error: { code: 'sandbox.limit_reached' } }]);
  const told = await store.read((tx) => tx.events({ afterSeq: 0, limit: 500, type: 'attempt.progressed' }));
  const stages = told.map((event) => dataOf(event, 'attempt.progressed')?.stage);
  expect(stages.filter((stage) => stage === 'waiting')).toHaveLength(1);
  await core.tasks.cancel(id, 'enough');
  await clock.advance(0);
  expect(await task(id)).toMatchObject({ state: 'cancelled' });
});

test('a sandbox that is kept after its task gives its slot to work that waits, and the doctor hears of it until then', async () => {
  const { core, clock, store, taken, run, task, left } = await started();
  for (const { id } of taken) await core.sandboxes.remove(id, { by: 'tn_1' });
  await clock.advance(8000);
  const first = await run(86_400_000);
  await clock.advance(10_000);
  expect(await task(first.id)).toMatchObject({ state: 'completed' });
  const second = await run();
  await clock.advance(60_000);
  expect(left).toEqual([expect.stringMatching(/limit of 2 sandboxes.*1 kept after their tasks: sb_/)]);
  expect(await task(second.id)).toMatchObject({ state: 'completed' });
  expect(core.troubles.list()).toEqual([]);
  const removals = await store.read((tx) =>
    tx.events({ afterSeq: 0, limit: 500, type: 'sandbox.removal_asked' }),
  );
  expect(JSON.stringify(removals)).toContain('work waits for its slot');
});

test('work gives up when the ceiling has not moved for six minutes, with what to do', async () => {
  const { clock, run, task, jobs } = await started();
  const { id } = await run();
  await clock.advance(300_000);
  expect(await task(id)).toMatchObject({ state: 'queued' });
  await clock.advance(130_000);
  expect(await task(id)).toMatchObject({ state: 'failed', error: { code: 'sandbox.limit_reached' } });
  expect(await jobs()).toMatchObject([{ state: 'done' }]);
});
