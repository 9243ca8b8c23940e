import type { Event, Item } from '@berth/contract';
import { expect, test } from 'vitest';
import { inOrder, isOf, withItems } from './items.ts';

const idOf = (prefix: string, digit: number) => `${prefix}_${String(digit).repeat(20)}`;

const item = (digit: number, revision: number, text: string): Item => ({
  id: idOf('it', digit),
  turnId: idOf('tn', 1),
  sessionId: idOf('ss', 1),
  position: 10 - digit,
  body: { kind: 'message', role: 'agent', text },
  revision,
  createdAt: 1,
  updatedAt: 1,
});

const textsOf = (items: readonly Item[]) =>
  items.map(({ body }) => (body.kind === 'message' ? body.text : body.kind));

test('the newer revision counts, in whatever order they arrive', () => {
  const first = withItems(new Map(), [item(1, 3, 'new'), item(2, 1, 'short')]);
  const second = withItems(first, [item(1, 2, 'old'), item(2, 2, 'longer')]);
  expect(textsOf(inOrder(second))).toEqual(['longer', 'new']);
});

test('takes items of its own conversation alone', () => {
  const event = (data: Event['data'], type = 'item.changed'): Event => ({
    seq: 1,
    id: idOf('ev', 1),
    type,
    version: 1,
    at: 1,
    subject: idOf('it', 1),
    data,
  });
  const growth = { revision: 2, field: 'text', drop: 0, from: 5, text: '!' };
  const own = { item: item(1, 1, 'hello') };
  expect(isOf(event(own), idOf('ss', 1))).toBe(true);
  expect(isOf(event(own), idOf('ss', 2))).toBe(false);
  expect(isOf(event(own, 'task.created'), idOf('ss', 1))).toBe(false);
  expect(isOf(event({ item: 'nonsense' }), idOf('ss', 1))).toBe(false);
  expect(isOf(event({ sessionId: idOf('ss', 1), ...growth }, 'item.grown'), idOf('ss', 1))).toBe(true);
  expect(isOf(event({ sessionId: idOf('ss', 2), ...growth }, 'item.grown'), idOf('ss', 1))).toBe(false);
});
