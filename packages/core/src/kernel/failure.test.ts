import { fail } from '@berth/contract';
import { expect, it } from 'vitest';
import { bodyOf, failureOf, isRetryable, revive } from './failure.ts';

it('keeps a failure with a code, and hides what has none behind a reference', () => {
  const known = fail('disk.full', { path: '/x' });
  expect(failureOf(known, 'ref')).toBe(known);
  const bug = new TypeError('secret detail');
  const hidden = failureOf(bug, 'sg_1');
  expect(hidden).toMatchObject({ code: 'server.failed', details: { reference: 'sg_1' }, cause: bug });
  expect(hidden.message).not.toContain('secret');
  expect(hidden.internal).toContain('secret detail');
});

it('brings a failure through a record and back', () => {
  const error = fail('disk.full', { path: '/x' });
  const back = revive(JSON.parse(JSON.stringify(bodyOf(error))));
  expect(back).toMatchObject({ ...error.body, kind: 'exhausted', retryable: true });
  expect(revive({ code: 'later.invented', message: 'm' })).toMatchObject({ kind: 'internal', message: 'm' });
});

it('holds only failures with a retryable kind for worth another try', () => {
  expect(isRetryable(fail('disk.full', { path: '/x' }))).toBe(true);
  expect(isRetryable(fail('auth.required', {}))).toBe(false);
  expect(isRetryable(new Error('x'))).toBe(false);
});
