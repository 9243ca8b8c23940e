import { expect, test } from 'vitest';
import { problemsOf } from './problems.ts';

const failure = (code: string, issues: { path: string; message: string }[] = []) => ({
  code,
  message: 'No.',
  hint: 'Try.',
  issues,
});

test('a refusal stands at the field that it is about', () => {
  expect(problemsOf(undefined)).toEqual({ at: {}, rest: undefined });
  expect(problemsOf(failure('agent.unknown'))).toEqual({ at: { agent: 'No. Try.' }, rest: undefined });
  const issues = [
    { path: 'body.prompt', message: 'too short' },
    { path: 'body.model', message: 'too long' },
  ];
  expect(problemsOf(failure('request.invalid', issues))).toEqual({
    at: { prompt: 'too short', model: 'too long' },
    rest: undefined,
  });
});

test('what is about no field is told as a whole', () => {
  const strange = failure('request.invalid', [{ path: 'body.priority', message: 'too high' }]);
  expect(problemsOf(strange)).toEqual({ at: {}, rest: strange });
  const other = failure('auth.forbidden');
  expect(problemsOf(other)).toEqual({ at: {}, rest: other });
});
