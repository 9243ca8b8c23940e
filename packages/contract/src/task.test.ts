import { expect, test } from 'vitest';
import { ENDED_TASK_STATES, taskStates, UNENDED_TASK_STATES } from './task.ts';

test('a task has ended in the states in which it can no longer be cancelled', () => {
  expect(ENDED_TASK_STATES).toEqual(['completed', 'failed', 'cancelled', 'killed']);
  expect([...UNENDED_TASK_STATES, ...ENDED_TASK_STATES].sort()).toEqual(Object.keys(taskStates).sort());
});
