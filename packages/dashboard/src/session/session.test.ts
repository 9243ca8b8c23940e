import { expect, test } from 'vitest';
import { tokenIn } from './session.ts';

test.each([
  ['#token=berth_abc-DEF_1.2~', 'berth_abc-DEF_1.2~'],
  ['#/tasks/token=1', undefined],
  ['#token=', undefined],
  ['#token=a b', undefined],
  ['', undefined],
])('finds the token of %j', (hash, token) => {
  expect(tokenIn(hash)).toBe(token);
});
