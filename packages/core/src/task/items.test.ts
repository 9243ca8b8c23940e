import { dataOf, type Event, fail, grown, type Item, ItemGrowth } from '@berth/contract';
import { expect, it } from 'vitest';
import { createManualClock, createMemoryStore } from '../../testing/index.ts';
import { createIds } from '../kernel/index.ts';
import { createItemSink, putItem } from './items.ts';

const clock = createManualClock();
const ids = createIds(clock, (bytes) => new Uint8Array(bytes));

it('keeps what was said in every turn of a conversation, in order, and writes a replay over it', async () => {
  const store = createMemoryStore({ clock, ids });
  const attemptId = ids.new('attempt');
  const sessionId = ids.from('session', `${attemptId}/session`);
  const said = (number: number, ordinal: number) => ({
    kind: 'notice' as const,
    text: `${number}.${ordinal}`,
  });
  for (const _ of ['first', 'replay'])
    for (let number = 1; number <= 11; number += 1)
      for (const ordinal of [0, 1, 9999]) {
        const turnId = ids.from('turn', `${attemptId}/${number}`);
        await store.write((tx) => putItem(tx, { turnId, sessionId, number }, ordinal, said(number, ordinal)));
      }
  const items = await store.read((tx) => tx.table('items').list({ where: { sessionId } }));
  expect(items.map(({ position }) => position)).toEqual(
    items.map(({ position }) => position).sort((a, b) => a - b),
  );
  expect(items).toHaveLength(33);
  expect(items[3]?.body).toEqual(said(2, 0));
});

it('says a growing text by what was added: 600 updates to 100 KiB are less than 300 KiB of events', async () => {
  const store = createMemoryStore({ clock, ids });
  const sessionId = ids.from('session', 'grow/session');
  const turn = { turnId: ids.new('turn'), sessionId, number: 1 };
  const piece = 'With 170 characters each, '.repeat(7).slice(0, 170);
  for (let count = 1; count <= 600; count += 1) {
    const body = { kind: 'message', role: 'agent', text: piece.repeat(count) } as const;
    await store.write((tx) => putItem(tx, turn, 1, body));
  }
  const [item] = await store.read((tx) => tx.table('items').list({ where: { sessionId } }));
  const events = await store.read((tx) => tx.events({ afterSeq: 0, limit: 1000 }));
  expect(JSON.stringify(events).length).toBeLessThan(300 * 1024);
  expect(replayed(events)).toEqual(item);
});

it('says the end of a text that is cut at its front, and whole what did not grow', async () => {
  const store = createMemoryStore({ clock, ids });
  const sessionId = ids.from('session', 'cut/session');
  const turn = { turnId: ids.new('turn'), sessionId, number: 1 };
  const words = Array.from({ length: 400 }, (_, at) => `word ${at}`).join(' ');
  const tool = { kind: 'tool', title: 'x', status: 'running' } as const;
  const bodies = [
    { kind: 'notice', text: words.slice(0, 1000) },
    { kind: 'notice', text: words.slice(100, 1200) },
    { kind: 'notice', text: words.slice(1100, 2200) },
    { kind: 'notice', text: 'something else' },
    { ...tool, output: undefined },
    { ...tool, output: 'line \ud83d' },
    { ...tool, output: 'line \ud83d\ude00' },
    { ...tool, output: 'line \ud83d\ude00', status: 'completed' },
  ] as const;
  for (const body of bodies) await store.write((tx) => putItem(tx, turn, 1, body));
  const [item] = await store.read((tx) => tx.table('items').list({ where: { sessionId } }));
  const events = await store.read((tx) => tx.events({ afterSeq: 0, limit: 1000 }));
  expect(events.map(({ type }) => type.slice('item.'.length))).toEqual([
    'changed',
    'grown',
    'grown',
    'changed',
    'changed',
    'grown',
    'grown',
    'changed',
  ]);
  expect(replayed(events)).toEqual(item);
});

it('keeps no more of a turn than its bound, and what is there stays', async () => {
  const store = createMemoryStore({ clock, ids });
  const sessionId = ids.from('session', 'bound/session');
  const items = createItemSink(store, { turnId: ids.new('turn'), sessionId, number: 1 });
  const text = 'x'.repeat(256 * 1024);
  for (let count = 0; count < 200; count += 1) items.emit(`${count}`, { kind: 'notice', text });
  items.emit('0', { kind: 'notice', text: 'shorter' });
  await items.flush();
  const written = await store.read((tx) => tx.table('items').list({ where: { sessionId }, limit: 1000 }));
  expect(written).toHaveLength(128);
  expect(written[0]?.body).toEqual({ kind: 'notice', text: 'shorter' });
});

/** What a reader of the whole log makes of it. */
const replayed = (events: readonly Event[]): Item | undefined =>
  events.reduce<Item | undefined>(
    (item, event) =>
      dataOf(event, 'item.changed')?.item ?? (item && grown(item, ItemGrowth.parse(event.data), event.at)),
    undefined,
  );

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
