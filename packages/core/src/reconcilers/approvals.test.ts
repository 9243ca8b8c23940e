import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;

test('a change that nobody decides on is turned down when its time has passed, and what it holds is let go', async () => {
  const { clock, store, dice, ports: scripted } = createScriptedWorld(digest, { seed: 3 });
  const ports = { ...scripted, retention: { ...scripted.retention, approvalsMs: HOUR_MS } };
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'test' });
  await core.start();
  const workspace = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const waiting = () => store.read((tx) => tx.table('changes').list({ where: { state: 'waiting' } }));
  // The scripted agent works by the dice: one of ten weakens the gate.
  for (let made = 0; made < 60 && (await waiting()).length === 0; made += 1) {
    await core.tasks.create({ workspaceId: workspace.id, prompt: 'Fix it', keepAliveMs: 0 });
    await clock.advance(20_000);
  }
  const [change] = await waiting();
  if (change === undefined) throw new Error('no agent weakened the gate');
  const states = () =>
    store.read(async (tx) => {
      const now = await tx.table('changes').get(change.id);
      const task = await tx.table('tasks').get(change.taskId);
      const runs = await tx.table('sagas').count({ state: ['running', 'undoing'] });
      return {
        change: now?.state,
        decision: now?.decision,
        task: task?.state,
        error: task?.error?.code,
        runs,
      };
    });
  await clock.advance(HOUR_MS / 2);
  expect(await states()).toMatchObject({ change: 'waiting', decision: undefined, task: 'waiting' });
  await clock.advance(HOUR_MS);
  expect(await states()).toMatchObject({
    change: 'rejected',
    decision: {
      verdict: 'rejected',
      by: 'server',
      reason: expect.stringContaining('nobody decided in the time'),
    },
    task: 'failed',
    error: 'change.refused',
    runs: 0,
  });
  await core.stop();
});
