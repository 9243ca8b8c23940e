import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const DAY_MS = 86_400_000;

test('a repository that cannot be read is told, and old refs in the others go', async () => {
  const { clock, store, dice, ports: scripted } = createScriptedWorld(digest, { seed: 9 });
  const ids = createIds(clock, dice.bytes);
  const broken = new Set<string>();
  const hub: typeof scripted.hub = {
    ...scripted.hub,
    listRefs: async (workspace, repository, prefix) => {
      if (broken.has(workspace)) throw new Error('HEAD is empty');
      return scripted.hub.listRefs(workspace, repository, prefix);
    },
  };
  const ports = { ...scripted, hub, retention: { ...scripted.retention, refsMs: DAY_MS } };
  const coreOf = (owner: string) => createCore({ store, clock, ids, digest, ports, owner });
  const core = coreOf('first');
  await core.start();
  const [first, second] = await Promise.all(
    ['one', 'two'].map((name) => core.workspaces.create({ name, repositories: [{ source: '/app' }] })),
  );
  const prompts = [first, second].map((workspace) =>
    core.tasks.create({ workspaceId: workspace?.id ?? '', prompt: 'Fix it', keepAliveMs: 0 }),
  );
  await Promise.all(prompts);
  await clock.advance(60_000);
  await core.stop();
  const turnsOf = async (workspace = '') => {
    const repository = await store.read((tx) => tx.table('workspaces').get(workspace));
    const name = repository?.repositories[0]?.name ?? '';
    return Object.keys(await scripted.hub.listRefs(workspace, name, 'refs/berth/turns/')).length;
  };
  expect(await turnsOf(second?.id)).toBeGreaterThan(0);
  broken.add(first?.id ?? '');
  // Nobody sleeps any more, so days cost nothing.
  await clock.advance(2 * DAY_MS);
  const later = coreOf('later');
  await clock.through(later.reconcilers.runAll());
  expect(await turnsOf(second?.id)).toBe(0);
  expect(later.troubles.list()).toMatchObject([
    { subject: expect.stringContaining(first?.id ?? ''), detail: 'HEAD is empty' },
  ]);
});
