import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds } from './kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A task that is cancelled and retried so many microtasks after its first run has come to a point. */
const retriedAfter = async (microtasks: number, point: string) => {
  const { clock, store, dice, ports } = createScriptedWorld(digest, {
    seed: 9,
    setup: false,
    acts: ['good'],
  });
  const ids = createIds(clock, dice.bytes);
  const id = ids.new('task');
  const acknowledged: string[] = [];
  let asking: Promise<void> | undefined;
  const cancelAndRetry = async (): Promise<void> => {
    for (let passed = 0; passed < microtasks; passed += 1) await null;
    acknowledged.push((await core.tasks.cancel(id, 'enough')).state);
    acknowledged.push((await core.tasks.retry(id)).state);
  };
  const core = createCore({
    ...{ store, clock, ids, digest, owner: 'test', ports },
    crashPoint: (name) => {
      // Refused where the first attempt is under way and has to end before.
      if (name.endsWith(point)) asking ??= cancelAndRetry().catch(() => undefined);
    },
  });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  await core.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0 }, id);
  await clock.advance(60_000);
  await asking;
  await core.stop();
  const task = await store.read((tx) => tx.table('tasks').get(id));
  return { isRetried: acknowledged.includes('queued'), state: task?.state };
};

const POINTS = ['claim/before-do', 'claim/before-done', 'claim/after-done'];
const MICROTASKS = [0, 1, 2, 3, 5, 8, 13];

test.each(POINTS.flatMap((point) => MICROTASKS.map((microtasks) => [point, microtasks] as const)))(
  'a retry that was acknowledged at %s and %i microtasks, before the attempt before it had ended, is worked on',
  async (point, microtasks) => {
    const { isRetried, state } = await retriedAfter(microtasks, `task.run@2/${point}`);
    expect(state).toBe(isRetried ? 'completed' : 'cancelled');
  },
);
