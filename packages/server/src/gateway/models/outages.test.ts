import { createManualClock } from '@berth/core/testing';
import { expect, test } from 'vitest';
import { createOutages } from './outages.ts';

test('an outage is final when it has lasted and was tried often enough', async () => {
  const clock = createManualClock();
  const outages = createOutages(clock);
  expect(outages.failed('at_1')).toBe(false);
  await clock.advance(40_000);
  expect(outages.failed('at_1')).toBe(false);
  expect(outages.failed('at_1')).toBe(true);
  expect(outages.failed('at_2')).toBe(false);
});

test('an answer ends it', async () => {
  const clock = createManualClock();
  const outages = createOutages(clock);
  for (let count = 0; count < 5; count += 1) expect(outages.failed('at_1')).toBe(false);
  outages.answered('at_1');
  await clock.advance(40_000);
  expect(outages.failed('at_1')).toBe(false);
});

test('what nobody asks about any more makes room', async () => {
  const clock = createManualClock();
  const outages = createOutages(clock);
  outages.failed('at_old');
  for (let count = 0; count < 1000; count += 1) outages.failed(`at_${count}`);
  await clock.advance(40_000);
  expect([outages.failed('at_old'), outages.failed('at_old')]).toEqual([false, false]);
});
