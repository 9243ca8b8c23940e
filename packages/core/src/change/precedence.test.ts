import { type Change, fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createManualClock, createMemoryStore } from '../../testing/index.ts';
import { createIds, createQueue, isDeferred } from '../kernel/index.ts';
import { createPrecedence } from './precedence.ts';

const never = new AbortController().signal;

/** Attempts whose tasks are being verified and worked on, and what became of their changes. */
const scene = () => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const store = createMemoryStore({ clock, ids });
  const queue = createQueue({ store, clock, ids, owner: 'test' });
  const parts = [{ repository: 'app', target: 'main' }];
  const attempt = async (name: string) => {
    const task = { id: `tk_${name}`, state: 'verifying', workspaceId: 'ws', attemptId: `at_${name}` };
    const job = { id: `jb_${name}`, key: task.id, queue: 'task.run', state: 'active' };
    await store.write(async (tx) => {
      // Of these rows only what is looked at matters.
      await tx.table('tasks').insert(task as never);
      await tx.table('jobs').insert(job as never);
    });
  };
  const rejected = async (name: string, code: 'change.target_moved' | 'gate.red') => {
    await clock.advance(1);
    const error =
      code === 'gate.red'
        ? fail(code, { gateRun: 'g', failed: [] })
        : fail(code, { id: 'c', target: 'main' });
    const of = { taskId: `tk_${name}`, attemptId: `at_${name}`, parts };
    const change = { ...of, id: ids.new('change'), state: 'rejected' };
    await store.write((tx) =>
      tx.table('changes').insert({ ...change, error: error.body } as unknown as Change),
    );
  };
  const loses = async (name: string, times: number) => {
    for (let race = 0; race < times; race += 1) await rejected(name, 'change.target_moved');
  };
  const end = async (table: 'tasks' | 'jobs', id: string) => {
    const state = table === 'tasks' ? 'completed' : 'waiting';
    await store.write((tx) => tx.table(table).update(id, 1, { state } as never));
  };
  /** As another server does, which knows nothing but the records. */
  const pass = (name: string, workspaceId = 'ws', signal = never) =>
    createPrecedence({ store, clock, queue }).pass({ workspaceId, attemptId: `at_${name}` }, signal);
  const waits = async (name: string, workspaceId?: string): Promise<boolean> => {
    const hurry = new AbortController();
    const end = pass(name, workspaceId, hurry.signal).then(
      () => false,
      () => true,
    );
    await new Promise<void>((resolve) => setImmediate(resolve));
    hurry.abort();
    return end;
  };
  return { clock, store, attempt, rejected, loses, end, pass, waits };
};

test('who lost twice goes first in its workspace, in the order of the losses, also for a server that only has the records', async () => {
  const { attempt, loses, end, pass, waits } = scene();
  for (const name of ['a', 'b', 'other']) await attempt(name);
  await loses('b', 1);
  await loses('a', 2);
  expect([await waits('other'), await waits('a'), await waits('b')]).toEqual([true, false, true]);
  await loses('b', 1);
  expect([await waits('other'), await waits('a'), await waits('b')]).toEqual([true, false, true]);
  expect(await waits('other', 'of another workspace')).toBe(false);
  const passed = pass('b');
  await end('tasks', 'tk_a');
  await passed;
  expect([await waits('other'), await waits('b')]).toEqual([true, false]);
});

test('what is not worked on, or was sent back since, keeps nobody back', async () => {
  const { attempt, rejected, loses, end, waits } = scene();
  for (const name of ['a', 'b', 'other']) await attempt(name);
  await loses('a', 2);
  await loses('b', 2);
  await rejected('b', 'gate.red');
  await loses('b', 1);
  expect(await waits('other')).toBe(true);
  await end('jobs', 'jb_a');
  expect(await waits('other')).toBe(false);
});

test('who is held back for longer is deferred, until the other has landed', async () => {
  const { clock, store, attempt, loses, end, pass } = scene();
  for (const name of ['a', 'b']) await attempt(name);
  await loses('a', 2);
  const held = await clock.through(Promise.allSettled([pass('b')]));
  const reason: unknown = held[0].status === 'rejected' ? held[0].reason : undefined;
  if (!isDeferred(reason)) throw new Error('it is deferred');
  const { error, isOver } = reason.wait;
  expect([error.code, await store.read(isOver)]).toEqual(['change.held_back', false]);
  await end('tasks', 'tk_a');
  expect(await store.read(isOver)).toBe(true);
  await pass('b');
});
