import { expect, test } from 'vitest';
import { EMPTY_DRAFT, newKey, orderOf } from './problems.ts';

test('leaves to the server what was not filled in', () => {
  expect(orderOf({ ...EMPTY_DRAFT, workspaceId: 'w', prompt: ' p ', title: '  ' })).toEqual({
    workspaceId: 'w',
    prompt: ' p ',
  });
  const draft = {
    workspaceId: 'w',
    prompt: 'p',
    title: ' t ',
    agent: 'a',
    model: ' m ',
    after: ' tk_1, tk_2 ',
  };
  expect(orderOf(draft)).toEqual({
    workspaceId: 'w',
    prompt: 'p',
    title: 't',
    agent: 'a',
    model: 'm',
    after: ['tk_1', 'tk_2'],
  });
});

test('every key is another one', () => {
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
