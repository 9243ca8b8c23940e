import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import { move } from './move.ts';

const openWorld = async () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  await store.write((tx) =>
    tx.table('turns').insert({
      ...{ id: 'tn_1', sessionId: 'ss_1', attemptId: 'at_1' },
      ...{ state: 'running', number: 1, prompt: 'p', cause: 'task' },
    }),
  );
  return store;
};

describe('a move', () => {
  it('writes the new state with its patch and says so in one event', async () => {
    const store = await openWorld();
    const moved = await store.write((tx) =>
      move(tx, 'turns', 'tn_1', {
        trigger: 'ended',
        patch: { endedAt: 5 },
        details: { items: 3 },
        causedBy: 'sg_1',
      }),
    );
    expect(moved).toMatchObject({ id: 'tn_1', state: 'ended', endedAt: 5, revision: 2 });
    expect(await store.read((tx) => tx.events({ afterSeq: 0, limit: 9 }))).toMatchObject([
      {
        type: 'turn.ended',
        subject: 'tn_1',
        causedBy: 'sg_1',
        data: { from: 'running', to: 'ended', details: { items: 3 } },
      },
    ]);
  });

  it('is refused when the table does not have it, or the record is not there', async () => {
    const store = await openWorld();
    await store.write((tx) => move(tx, 'turns', 'tn_1', { trigger: 'ended' }));
    await expect(store.write((tx) => move(tx, 'turns', 'tn_1', { trigger: 'failed' }))).rejects.toMatchObject(
      {
        code: 'state.illegal',
        details: { noun: 'turn', id: 'tn_1', state: 'ended', trigger: 'failed' },
      },
    );
    await expect(store.write((tx) => move(tx, 'turns', 'tn_2', { trigger: 'ended' }))).rejects.toMatchObject({
      code: 'record.missing',
    });
    expect(await store.read((tx) => tx.lastSeq())).toBe(1);
  });

  it('does not compile with a trigger of another noun, or a state in the patch', () => {
    const never = async (tx: Parameters<typeof move>[0]): Promise<void> => {
      // @ts-expect-error: turns do not land
      await move(tx, 'turns', 'tn_1', { trigger: 'merged' });
      // @ts-expect-error: the state follows from the table alone
      await move(tx, 'turns', 'tn_1', { trigger: 'ended', patch: { state: 'failed' } });
      // @ts-expect-error: this table has no states
      await move(tx, 'leases', 'x', { trigger: 'ended' });
    };
    expect(never).toBeTypeOf('function');
  });
});
