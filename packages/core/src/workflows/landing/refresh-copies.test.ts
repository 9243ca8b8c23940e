import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../../testing/simulation/simulate.ts';
import { createCore } from '../../core.ts';
import { createIds } from '../../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

test('who waits for a task hears before the turn that its source could not be read, and so does the doctor', async () => {
  const { clock, store, dice, ports } = createScriptedWorld(digest, { seed: 9 });
  const core = createCore({ store, clock, ids: createIds(clock, dice.bytes), digest, ports, owner: 'first' });
  let stale: { reason: string; currentAt: number } | undefined = { reason: 'it is gone', currentAt: 0 };
  ports.hub.refresh = async () => stale;
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ name: 'w', repositories: [{ source: 'app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Do it', keepAliveMs: 0 });
  await clock.advance(60_000);
  expect(await store.read((tx) => tx.table('tasks').get(id))).toMatchObject({ state: 'completed' });
  const events = await store.read((tx) => tx.events({ afterSeq: 0, limit: 1000 }));
  const at = (text: string) => events.findIndex((one) => JSON.stringify(one).includes(text));
  expect(at('app may be older than its source, as of 1970-01-01T00:00:00.000Z: it is gone')).toBeGreaterThan(
    0,
  );
  expect(at('it is gone')).toBeLessThan(at('session.opened'));
  expect(core.troubles.list()).toMatchObject([{ detail: expect.stringContaining('it is gone') }]);
  stale = undefined;
  await core.tasks.create({ workspaceId, prompt: 'Do more', keepAliveMs: 0 });
  await clock.advance(60_000);
  expect(core.troubles.list()).toEqual([]);
  await core.stop();
});
