import type { Event } from '@berth/contract';
import { expect, test } from 'vitest';
import { newestEvents } from './newest-events.ts';

const eventAt = (seq: number): Event => ({
  seq,
  id: `ev_${'1'.repeat(20)}`,
  type: 'task.created',
  version: 1,
  at: 1,
  subject: 'tk',
  data: {},
});

test('each event once, the newest first', () => {
  const events = newestEvents([eventAt(3), eventAt(4)], [eventAt(2), eventAt(3)]);
  expect(events.map(({ seq }) => seq)).toEqual([4, 3, 2]);
});

test('the oldest go', () => {
  const many = Array.from({ length: 600 }, (_, index) => eventAt(index + 1));
  const events = newestEvents(many, []);
  expect([events.length, events[0]?.seq, events.at(-1)?.seq]).toEqual([500, 600, 101]);
});
