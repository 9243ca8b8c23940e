import { expect, test } from 'vitest';
import { count, type Report } from './tests.ts';

const file = (
  status: string,
  message: string,
  ...assertionResults: Report['testResults'][0]['assertionResults']
) => ({
  name: '/r/a.test.ts',
  status,
  message,
  assertionResults,
});
const passed = { status: 'passed', fullName: 'adds' };
const failed = { status: 'failed', fullName: 'subtracts' };
const report = (numPassedTests: number, ...testResults: Report['testResults']): Report => ({
  numPassedTests,
  numPendingTests: 0,
  testResults,
});

test('passed tests are counted', () => {
  expect(count(report(1, file('passed', '', passed)), 0, '/r')).toEqual({
    passed: 1,
    failed: 0,
    reasons: [],
  });
});

test('failed tests are counted and named', () => {
  const reasons = ['a.test.ts: subtracts'];
  expect(count(report(1, file('failed', '', passed, failed)), 1, '/r')).toEqual({
    passed: 1,
    failed: 1,
    reasons,
  });
});

test('a file that did not load counts as one failure', () => {
  const reasons = ['a.test.ts: no such module'];
  expect(count(report(0, file('failed', 'no such module\nat x')), 1, '/r')).toEqual({
    passed: 0,
    failed: 1,
    reasons,
  });
});

test('a failure outside the tests, such as too little coverage, counts as one', () => {
  const outcome = count(report(1, file('passed', '', passed)), 1, '/r');
  expect([outcome.passed, outcome.failed]).toEqual([1, 1]);
  expect(outcome.reasons[0]).toContain('coverage');
});
