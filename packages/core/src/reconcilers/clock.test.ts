import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createMemoryStore } from '../../testing/index.ts';
import { createScriptedWorld } from '../../testing/simulation/simulate.ts';
import { createCore } from '../core.ts';
import { createIds } from '../kernel/index.ts';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const DAY_MS = 86_400_000;
const DELAY_MS = 300_000;

/** A started core whose clock can be set back, with a task that is to begin in five minutes. */
const waiting = async () => {
  const { clock, dice, ports } = createScriptedWorld(digest, { seed: 3 });
  let backMs = 0;
  const shown = { ...clock, now: () => clock.now() - backMs };
  const ids = createIds(shown, dice.bytes);
  const store = createMemoryStore({ clock: shown, ids });
  const coreOf = (owner: string) => createCore({ store, clock: shown, ids, digest, ports, owner });
  const core = coreOf('first');
  await core.start();
  const { id: workspaceId } = await core.workspaces.create({ repositories: [{ source: '/app' }] });
  const { id } = await core.tasks.create({ workspaceId, prompt: 'Fix it', delayMs: DELAY_MS });
  const setBack = (ms: number): void => {
    backMs += ms;
  };
  const state = () => store.read(async (tx) => (await tx.table('tasks').get(id))?.state);
  return { clock, store, shown, core, coreOf, setBack, state };
};

test('a clock that is set back does not make a task wait for the old time', async () => {
  const { clock, setBack, state } = await waiting();
  await clock.advance(60_000);
  setBack(DAY_MS);
  await clock.advance(DELAY_MS - 90_000);
  expect(await state()).toBe('queued');
  await clock.advance(120_000);
  expect(await state()).toBe('completed');
});

test('nor one that is set back while no server is running', async () => {
  const { clock, core, coreOf, setBack, state } = await waiting();
  await clock.advance(60_000);
  await core.stop();
  setBack(DAY_MS);
  await coreOf('second').start();
  await clock.advance(DELAY_MS + 60_000);
  expect(await state()).toBe('completed');
});

test('a lease of a dead holder, and the times of a sandbox and of a token, end as long after as they were to', async () => {
  const { clock, store, shown, setBack } = await waiting();
  const egress = { preset: 'none' } as const;
  const fixed = {
    purpose: 'manual',
    isolation: 'container',
    limits: {},
    root: '/workspace',
    egress,
  } as const;
  await store.write(async (tx) => {
    const later = shown.now() + DELAY_MS;
    await tx.table('leases').insert({ id: 'repository', owner: 'dead', fence: 1, until: later });
    const sandbox = { ...fixed, id: 'sb_1', state: 'stopped', driver: 'scripted', expiresAt: later } as const;
    await tx.table('sandboxes').insert(sandbox);
    await tx.table('tokens').insert({ id: 'ky_1', name: 'short', role: 'viewer', expiresAt: later });
  });
  setBack(DAY_MS);
  await clock.advance(60_000);
  const [lease, sandbox, token] = await store.read((tx) =>
    Promise.all([
      tx.table('leases').get('repository'),
      tx.table('sandboxes').get('sb_1'),
      tx.table('tokens').get('ky_1'),
    ]),
  );
  expect((lease?.until ?? 0) - shown.now()).toBeLessThanOrEqual(DELAY_MS);
  expect((sandbox?.expiresAt ?? 0) - shown.now()).toBeLessThanOrEqual(DELAY_MS);
  expect((token?.expiresAt ?? 0) - shown.now()).toBeLessThanOrEqual(DELAY_MS);
});
