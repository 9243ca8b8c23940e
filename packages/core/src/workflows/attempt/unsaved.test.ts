import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';
import { UNSAVED_KEPT_MS } from './unsaved.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

const started = async (failure: unknown) => {
  const { clock, store, dice, ports, machines } = createScriptedWorld(digest, { seed: 9 });
  ports.checkouts.saveTurn = async () => {
    throw failure;
  };
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'first' });
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const ended = async () => {
    const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', keepAliveMs: 0 });
    await clock.advance(120_000);
    return store.read((tx) => tx.table('tasks').get(id));
  };
  return { ended, core, clock, store, machines };
};

test('work that git does not take stays in its sandbox for a day, and the error says where', async () => {
  const { ended, core, clock, store, machines } = await started(
    fail('push.too_large', { reason: 'The push has a file of 300 MB or more' }),
  );
  const task = await ended();
  const [id = ''] = machines.alive.keys();
  expect(task).toMatchObject({
    state: 'failed',
    error: {
      code: 'work.unsaved',
      message: expect.stringContaining(`The work is kept in the sandbox ${id} until `),
      hint: expect.stringContaining(`berth sandbox shell ${id}`),
      details: { code: 'push.too_large' },
    },
  });
  const sandbox = await store.read((tx) => tx.table('sandboxes').get(id));
  expect(sandbox).toMatchObject({ state: 'running', unsaved: expect.stringContaining('300 MB') });

  // A second one of the workspace, and no third: slots are for work.
  expect((await ended())?.error?.code).toBe('work.unsaved');
  expect((await ended())?.error?.code).toBe('push.too_large');
  const told = await store.read((tx) =>
    tx.events({ afterSeq: 0, limit: 10_000, type: 'attempt.progressed' }),
  );
  expect(JSON.stringify(told)).toMatch(/lost with its sandbox, since .* of this workspace are kept already/);
  expect(machines.alive.size).toBe(2);

  // Begun anew it begins at the target, and says so.
  await core.tasks.retry(task?.id ?? '');
  await clock.advance(60_000);
  const retold = await store.read((tx) =>
    tx.events({ afterSeq: 0, limit: 10_000, type: 'attempt.progressed' }),
  );
  expect(JSON.stringify(retold)).toContain(`what an attempt before left in ${id} is not taken up`);

  // The reconciler of sandboxes takes it then.
  expect(sandbox?.expiresAt).toBeGreaterThan(clock.now());
  expect(sandbox?.expiresAt).toBeLessThanOrEqual(clock.now() + UNSAVED_KEPT_MS);
  await core.stop();
});

test('a failure that says nothing about the work keeps nothing', async () => {
  const { ended, core, machines } = await started(
    fail('driver.failed', { driver: 'scripted', act: 'saveTurn', detail: 'by the dice' }),
  );
  expect((await ended())?.error?.code).toBe('driver.failed');
  expect(machines.alive.size).toBe(0);
  await core.stop();
});
