import { BerthError, fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { failureOf } from './failure.ts';

const ISSUE = { path: 'body.prompt', message: 'too long' };

test('what is no error of ours is told as it is', () => {
  expect(failureOf(new TypeError('x'))).toEqual({
    code: 'page.failed',
    message: 'TypeError: x',
    issues: [],
  });
  expect(failureOf(undefined)).toMatchObject({ message: 'undefined' });
});

test('an error of the server keeps its code, message, hint and issues', () => {
  const error = fail('request.invalid', { issues: [ISSUE] });
  const { code, message, hint } = error;
  expect(failureOf(error)).toEqual({ code, message, hint, issues: [ISSUE] });
});

test.each<[unknown, unknown[]]>([
  [undefined, []],
  [null, []],
  ['issues', []],
  [{}, []],
  [{ issues: 'x' }, []],
  [{ issues: [] }, []],
  [{ issues: [null, 'x', {}, { path: 'a' }, { path: 1, message: 'b' }, { path: 'a', message: 1 }] }, []],
  [{ issues: [undefined, ISSUE, { message: 'a' }] }, [ISSUE]],
])('details that are %j', (details, issues) => {
  const error = new BerthError({ code: 'x.y', kind: 'invalid', message: 'm', details });
  expect(failureOf(error).issues).toEqual(issues);
});
