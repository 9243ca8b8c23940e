import type { Event, Item } from '@berth/contract';
import { expect, test } from 'vitest';
import { createItemAssembler } from './item-assembler.ts';

const idOf = (prefix: string, digit: number) => `${prefix}_${String(digit).repeat(20)}`;
const item = (digit: number, revision: number, text: string): Item => ({
  id: idOf('it', digit),
  turnId: idOf('tn', 1),
  sessionId: idOf('ss', 1),
  position: digit,
  body: { kind: 'message', role: 'agent', text },
  revision,
  createdAt: 1,
  updatedAt: revision,
});
const event = (type: string, subject: string, data: Event['data'], at = 1): Event => ({
  ...{ seq: 1, id: idOf('ev', 1), type, version: 1, at, subject, data },
});
const changed = (one: Item) => event('item.changed', one.id, { item: one });
const growth = (digit: number, revision: number, [from, drop]: readonly [number, number], text: string) => {
  const data = { sessionId: idOf('ss', 1), revision, field: 'text', drop, from, text };
  return event('item.grown', idOf('it', digit), data, revision);
};

test('puts an item together from what is added to it', () => {
  const book = createItemAssembler();
  expect(book.take(changed(item(1, 1, 'I')))).toEqual(item(1, 1, 'I'));
  expect(book.take(growth(1, 2, [1, 0], ' look'))).toEqual(item(1, 2, 'I look'));
  expect(book.take(growth(1, 2, [1, 0], ' look'))).toBeUndefined();
  expect(book.take(growth(1, 3, [4, 2], ' out'))).toEqual(item(1, 3, 'look out'));
  expect(book.take(event('task.created', idOf('tk', 1), {}))).toBeUndefined();
});

test('says when something is missing, and goes on from what was read', async () => {
  const book = createItemAssembler();
  expect(book.take(growth(2, 2, [1, 0], 'b'))).toBe('missed');
  book.put(item(2, 4, 'abcd'));
  expect(book.take(growth(2, 3, [2, 0], 'c'))).toBeUndefined();
  expect(book.take(growth(2, 6, [5, 0], 'f'))).toBe('missed');
  expect(book.take(growth(2, 5, [3, 0], 'e'))).toBe('missed');
  const pages: Record<string, { rows: Item[]; next?: string }> = {
    first: { rows: [item(1, 1, 'x')], next: 'second' },
    second: { rows: [item(2, 6, 'abcdef')] },
  };
  const client = {
    sessions: { items: async ({ after = 'first' }) => pages[after] },
  } as unknown as Parameters<typeof book.read>[0];
  expect(await book.read(client, growth(2, 6, [5, 0], 'f'))).toEqual(item(2, 6, 'abcdef'));
  expect(book.take(growth(2, 7, [6, 0], 'g'))).toEqual(item(2, 7, 'abcdefg'));
  expect(await book.read(client, growth(3, 2, [0, 0], ''))).toBeUndefined();
});

test('hands out no older item after a newer one', () => {
  const book = createItemAssembler();
  expect(book.take(changed(item(1, 3, 'new')))).toEqual(item(1, 3, 'new'));
  expect(book.take(changed(item(1, 2, 'old')))).toBeUndefined();
  expect(book.take(growth(1, 4, [3, 0], '!'))).toEqual(item(1, 4, 'new!'));
});

test('holds no more than the newest items', () => {
  const book = createItemAssembler();
  book.put(item(1, 1, 'old'));
  for (let count = 0; count < 600; count += 1)
    book.put({ ...item(2, 1, 'x'), id: `it_${String(count).padStart(20, '0')}` });
  expect(book.take(growth(1, 2, [3, 0], '!'))).toBe('missed');
});
