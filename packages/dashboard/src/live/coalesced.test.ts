import { expect, test } from 'vitest';
import { coalesced } from './coalesced.ts';

test('works once more for all that asked in the meantime', async () => {
  const ends: (() => void)[] = [];
  let started = 0;
  const ask = coalesced(() => {
    started += 1;
    return new Promise((resolve) => ends.push(resolve));
  });
  ask();
  for (let times = 0; times < 5; times += 1) ask();
  expect(started).toBe(1);
  ends[0]?.();
  await expect.poll(() => started).toBe(2);
  ends[1]?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toBe(2);
  ask();
  expect(started).toBe(3);
});
