import { AttemptEnd, issuesIn, TaskCreate } from '@berth/contract';
import { expect, test } from 'vitest';
import { SAGAS } from '../../core.ts';
import { ENDS } from './ends.ts';

test('each end that may be asked for has its strategy, whose runs end with the attempt', () => {
  expect(Object.keys(ENDS).toSorted()).toEqual([...AttemptEnd.options].toSorted());
  const families = SAGAS.map(({ family }) => family);
  for (const { children } of Object.values(ENDS))
    expect(families).toEqual(expect.arrayContaining(children.map(({ family }) => family)));
});

test.each(['review', 'answer', 'serve', 'compare', ''])(
  'a task that is to end with %j is refused, by its path',
  (end) => {
    const asked = { workspaceId: `ws_${'0'.repeat(20)}`, prompt: 'Fix it', end };
    const { error } = TaskCreate.safeParse(asked);
    expect(error && issuesIn('body', error, asked)).toEqual([
      { path: 'body.end', message: expect.stringContaining('land') },
    ]);
    expect(TaskCreate.safeParse({ ...asked, end: 'land' }).success).toBe(true);
  },
);
