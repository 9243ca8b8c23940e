import { fail } from '@berth/contract';
import { expect, it } from 'vitest';
import { createIds, createManualClock, createMemoryStore } from '../kernel/index.ts';
import { createItemSink, putItem } from './items.ts';

const clock = createManualClock();
const ids = createIds(clock, (bytes) => new Uint8Array(bytes));

it('keeps what was said in every turn of a conversation, in order, and writes a replay over it', async () => {
  const store = createMemoryStore({ clock, ids });
  const attemptId = ids.new('attempt');
  const sessionId = ids.from('session', `${attemptId}/session`);
  const said = (number: number, place: number) => ({ kind: 'notice' as const, text: `${number}.${place}` });
  for (const _ of ['first', 'replay'])
    for (let number = 1; number <= 11; number += 1)
      for (const place of [0, 1, 9999]) {
        const turnId = ids.from('turn', `${attemptId}/${number}`);
        await store.write((tx) => putItem(tx, { turnId, sessionId, number }, place, said(number, place)));
      }
  const items = await store.read((tx) => tx.table('items').list({ where: { sessionId } }));
  expect(items.map(({ position }) => position)).toEqual(
    items.map(({ position }) => position).sort((a, b) => a - b),
  );
  expect(items).toHaveLength(33);
  expect(items[3]?.body).toEqual(said(2, 0));
});

it('writes again what a store could not take, and tells when it cannot take it at the end', async () => {
  const real = createMemoryStore({ clock, ids });
  const attemptId = ids.new('attempt');
  const sessionId = ids.from('session', `${attemptId}/session`);
  let isFull = true;
  const store: typeof real = {
    ...real,
    write: (work) => (isFull ? Promise.reject(fail('disk.full', { path: '/home' })) : real.write(work)),
  };
  const items = createItemSink(store, { turnId: ids.new('turn'), sessionId, number: 1 });
  items.emit('a', { kind: 'notice', text: 'lost?' });
  await expect(items.flush()).rejects.toMatchObject({ code: 'disk.full' });
  isFull = false;
  items.emit('b', { kind: 'notice', text: 'later' });
  await items.flush();
  const written = await real.read((tx) => tx.table('items').list({ where: { sessionId } }));
  expect(written.map(({ body }) => body)).toEqual([
    { kind: 'notice', text: 'lost?' },
    { kind: 'notice', text: 'later' },
  ]);
});
