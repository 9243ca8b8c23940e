/** What waits for a person, a gate or another landing takes no worker: others go on, and a restart changes nothing about it. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Act } from '../testing/simulation/agents.ts';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds } from './kernel/index.ts';
import type { ExternalPorts } from './ports.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;
const WORKERS = 2;

const begin = async (change: (ports: ExternalPorts) => ExternalPorts = (ports) => ports) => {
  const acts: Act[] = ['weak'];
  const { clock, store, dice, ports } = createScriptedWorld(digest, { seed: 5, acts });
  const coreOf = (owner: string) =>
    createCore({
      ...{ store, clock, ids: createIds(clock, dice.bytes), digest, owner },
      ...{ ports: change(ports), maxTasks: WORKERS },
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

test('tasks that wait for a slow gate of their target leave the workers to others, also after a restart', async () => {
  const gate = Promise.withResolvers<void>();
  const judged = { slow: true, begun: 0 };
  const slow = (ports: ExternalPorts): ExternalPorts => ({
    ...ports,
    defaults: { ...ports.defaults, targetGateWaitMs: HOUR_MS },
    machines: {
      ...ports.machines,
      open: async (driver, id) => {
        const sandbox = await ports.machines.open(driver, id);
        return {
          ...sandbox,
          run: async (spec, signal) => {
            if (judged.slow && spec.argv.at(-1) === 'npm run test') {
              judged.begun += 1;
              await Promise.race([gate.promise, aborted(signal)]);
            }
            return sandbox.run(spec, signal);
          },
        };
      },
    },
  });
  const { acts, clock, store, coreOf, core, create, states, active } = await begin(slow);
  acts[0] = 'good';
  const tasks = await create(WORKERS + 1);
  await clock.advance(20_000);
  expect(judged.begun).toBe(1);
  expect(await states(tasks)).toEqual(tasks.map(() => 'running'));
  expect(await active()).toBe(0);
  await core.stop();
  const next = coreOf('second');
  await next.start();
  await clock.advance(20_000);
  expect(await active()).toBe(0);
  judged.slow = false;
  gate.resolve();
  await clock.advance(5000);
  const turns = await store.read((tx) => tx.table('turns').count());
  expect(turns).toBeGreaterThan(0);
  await clock.advance(60_000);
  expect(await states(tasks)).toEqual(tasks.map(() => 'completed'));
  const told = await store.read((tx) => tx.events({ afterSeq: 0, limit: 1000, type: 'attempt.progressed' }));
  const stages = told.map(({ subject, data }) => `${subject} ${'stage' in data ? data.stage : ''}`);
  expect(stages.filter((stage) => stage.endsWith(' waiting'))).toHaveLength(tasks.length);
  await next.stop();
});

const aborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
