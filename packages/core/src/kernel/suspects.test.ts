import { expect, it } from 'vitest';
import { createIds } from './ids.ts';
import { createManualClock } from './manual-clock.ts';
import { createMemoryStore } from './memory-store.ts';
import { createQueue } from './queue.ts';

it('a suspect that ended lets the next one begin at once, in any queue; a job that waits for its next try waits on', async () => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const store = createMemoryStore({ clock, ids });
  const queue = createQueue({ store, clock, ids, owner: 'second', leaseMs: 30_000 });
  const died = { state: 'active', owner: 'first', attempts: 2, crashes: 1, crashPlace: '' } as const;
  for (const [id, name] of [
    ['jb_1', 'one'],
    ['jb_2', 'two'],
    ['jb_3', 'two'],
  ] as const) {
    await queue.add(undefined, name, null, { id });
    const patch = { ...died, claimedAt: clock.now(), leaseUntil: clock.now() + 30_000 };
    await store.write((tx) => tx.table('jobs').update(id, 1, patch));
  }
  await queue.recover();
  const later = { crashes: 2, runAt: clock.now() + 1000, error: { code: 'x', message: 'x' } };
  await queue.add(undefined, 'two', null, { id: 'jb_4' });
  await store.write((tx) => tx.table('jobs').update('jb_4', 1, later));

  const began: string[] = [];
  for (const name of ['one', 'two'])
    queue.process(name, async ({ id }) => void began.push(id), { concurrency: 4 });
  await clock.advance(0);
  expect(began).toEqual(['jb_1', 'jb_2', 'jb_3']);
  await clock.advance(1000);
  expect(began.at(-1)).toBe('jb_4');
  await queue.close();
});
