import { expect, test } from 'vitest';
import { routeOf, taskAddress } from './route.ts';

const id = `tk_${'1'.repeat(20)}`;

test.each([
  ['', { page: 'overview' }],
  ['#/', { page: 'overview' }],
  ['#/new', { page: 'new' }],
  ['#/events', { page: 'events' }],
  [taskAddress(id), { page: 'task', id }],
  ['#/tasks/', { page: 'overview' }],
  ['#/tasks/../../x', { page: 'overview' }],
])('%j', (hash, route) => {
  expect(routeOf(hash)).toEqual(route);
});
