import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../testing/simulation/simulate.ts';
import { createCore } from './core.ts';
import { createIds } from './kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What becomes of a task that is cancelled so many microtasks after its gate has ended, before it waits. */
const cancelledAfter = async (microtasks: number) => {
  const { clock, store, dice, ports } = createScriptedWorld(digest, {
    seed: 5,
    setup: false,
    acts: ['weak'],
  });
  const ids = createIds(clock, dice.bytes);
  const id = ids.new('task');
  let cancelling: Promise<unknown> | undefined;
  const cancel = async (): Promise<void> => {
    for (let passed = 0; passed < microtasks; passed += 1) await null;
    await core.tasks.cancel(id, 'enough');
  };
  const core = createCore({
    ...{ store, clock, ids, digest, owner: 'test', ports },
    crashPoint: (name) => {
      if (name.startsWith('change.land@') && name.endsWith('/gate/before-done')) cancelling ??= cancel();
    },
  });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  await core.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0 }, id);
  await clock.advance(60_000);
  await cancelling;
  await core.stop();
  return store.read(async (tx) => ({
    asked: cancelling !== undefined,
    task: (await tx.table('tasks').get(id))?.state,
    jobs: await tx.table('jobs').count({ state: ['waiting', 'active'] }),
    runs: await tx.table('sagas').count({ state: ['running', 'undoing'] }),
  }));
};

const MICROTASKS = Array.from({ length: 24 }, (_, index) => index);

test.each(MICROTASKS)(
  'a cancel %i microtasks after the gate ended is heard, even if the task begins to wait for a person meanwhile',
  async (microtasks) => {
    const ended = { asked: true, task: 'cancelled', jobs: 0, runs: 0 };
    expect(await cancelledAfter(microtasks)).toEqual(ended);
  },
);
