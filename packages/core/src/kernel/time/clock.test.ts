import { expect, it } from 'vitest';
import { backoffMs } from './clock.ts';

it('doubles with every try, up to a minute', () => {
  expect([1, 2, 3, 4].map((tried) => backoffMs(100, tried))).toEqual([100, 200, 400, 800]);
  expect(backoffMs(100, 11)).toBe(60_000);
  expect(backoffMs(1, 10_000)).toBe(60_000);
});
