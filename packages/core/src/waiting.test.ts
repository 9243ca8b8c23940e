/** What waits for a person takes no worker: others go on, and a restart changes nothing about it. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Act } from '../testing/simulation/agents.ts';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds } from './kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;
const WORKERS = 2;

const begin = async () => {
  const acts: Act[] = ['weak'];
  const { clock, store, dice, ports } = createScriptedWorld(digest, { seed: 5, acts });
  const coreOf = (owner: string) =>
    createCore({
      ...{ store, clock, ids: createIds(clock, dice.bytes), digest, owner },
      ...{ ports, maxTasks: WORKERS },
    });
  const core = coreOf('first');
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const create = async (count: number): Promise<string[]> => {
    const ids: string[] = [];
    for (let made = 0; made < count; made += 1)
      ids.push((await core.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0 })).id);
    return ids;
  };
  const states = (ids: readonly string[]) =>
    store.read(async (tx) => {
      const found: (string | undefined)[] = [];
      for (const id of ids) found.push((await tx.table('tasks').get(id))?.state);
      return found;
    });
  const active = () => store.read((tx) => tx.table('jobs').count({ queue: 'task.run', state: 'active' }));
  return { acts, clock, store, coreOf, core, create, states, active };
};

test('more tasks than workers wait for a person; another one lands, and after a restart each goes on with its answer', async () => {
  const { acts, clock, store, coreOf, core, create, states, active } = await begin();
  const asking = await create(WORKERS + 2);
  await clock.advance(60_000);
  expect(await states(asking)).toEqual(asking.map(() => 'waiting'));
  expect(await active()).toBe(0);

  acts[0] = 'good';
  const [other = ''] = await create(1);
  await clock.advance(60_000);
  expect(await states([other])).toEqual(['completed']);

  await core.stop();
  const next = coreOf('second');
  await next.start();
  await clock.advance(HOUR_MS);
  expect(await states(asking)).toEqual(asking.map(() => 'waiting'));
  const changes = await store.read((tx) => tx.table('changes').list({ where: { state: 'waiting' } }));
  expect(changes).toHaveLength(asking.length);
  const [yes = '', no = '', ...others] = asking;
  for (const { id, taskId } of changes)
    if (taskId === yes || taskId === no)
      await next.changes.decide(id, { verdict: taskId === yes ? 'approved' : 'rejected', by: 'a person' });
  await clock.advance(60_000);
  expect(await states([yes, no, ...others])).toEqual(['completed', 'failed', ...others.map(() => 'waiting')]);
  await next.stop();
});
