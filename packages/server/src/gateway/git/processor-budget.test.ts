import { expect, test } from 'vitest';
import { createProcessorBudget } from './processor-budget.ts';

test('what was spent comes back steadily, and is nobody else’s', () => {
  let at = 0;
  const budget = createProcessorBudget({ seconds: 100, refillMs: 1000 }, () => at);
  budget.spend('a', 60);
  budget.spend('a', 60);
  expect([budget.leftSeconds('a'), budget.waitMs('a')]).toEqual([-20, 200]);
  expect([budget.leftSeconds('b'), budget.waitMs('b')]).toEqual([100, 0]);
  at = 300;
  expect([budget.leftSeconds('a'), budget.waitMs('a')]).toEqual([10, 0]);
  at = 100_000;
  expect(budget.leftSeconds('a')).toBe(100);
});
