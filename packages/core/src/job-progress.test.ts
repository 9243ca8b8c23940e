import { expect, it } from 'vitest';
import { createManualClock, createMemoryStore } from '../testing/index.ts';
import { progressOf } from './job-progress.ts';
import { createIds } from './kernel/index.ts';
import { putItem } from './task/index.ts';
import { takeTurn } from './workflows/attempt/take-turn.ts';

it('of a turn moves on with what the agent says, and not when the same is said again', async () => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const store = createMemoryStore({ clock, ids });
  const turn = { turnId: ids.new('turn'), sessionId: ids.new('session'), number: 1 };
  const attemptId = ids.new('attempt');
  const row = { id: ids.new('saga'), name: takeTurn.name, state: 'running', owner: 'one', fence: 1 } as const;
  const job = await store.write(async (tx) => {
    await tx.table('sagas').insert({ ...row, input: { ...turn, attemptId } });
    const times = { runAt: 0, attempts: 1, maxAttempts: 3, backoffMs: 1, crashes: 0, fence: 1, priority: 5 };
    const data = { attemptId };
    return tx.table('jobs').insert({ id: 'jb_1', queue: 'task.run', state: 'active', data, ...times });
  });
  const said = (ordinal: number, text: string) =>
    store.write((tx) => putItem(tx, turn, ordinal, { kind: 'message', role: 'agent', text }));
  const seen = new Set<string>();
  const look = async (): Promise<number> => seen.add(await store.read((tx) => progressOf(tx, ids, job))).size;
  expect(await look()).toBe(1);
  await said(0, 'Looking');
  expect(await look()).toBe(2);
  await said(0, 'L');
  await said(0, 'Looking at it');
  expect(await look()).toBe(2);
  await said(1, 'Done');
  expect(await look()).toBe(3);
});
