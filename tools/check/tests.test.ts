import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readTree } from '../tree.ts';
import { projectOf } from './projects.ts';
import { count, type Report, timesOf } from './tests.ts';

const file = (
  status: string,
  message: string,
  ...assertionResults: Report['testResults'][0]['assertionResults']
) => ({
  name: '/r/a.test.ts',
  status,
  message,
  startTime: 1000,
  endTime: 3500,
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

test('every file of tests is of one kind', () => {
  const files = readTree(fileURLToPath(new URL('../..', import.meta.url))).map(({ path }) => path);
  const tests = files.filter((path) => /\.test\.tsx?$/.test(path));
  expect(tests.length).toBeGreaterThan(100);
  expect(tests.filter((path) => projectOf(path) === undefined)).toEqual([]);
});

test('says how long each kind takes', () => {
  const named = (name: string) => ({ ...file('passed', ''), name: `/r/${name}` });
  const testResults = [named('tools/a.test.ts'), named('packages/sdk/src/b.test.ts')];
  const crash = named('packages/server/test/crash/c.test.ts');
  expect(timesOf({ testResults: [...testResults, crash] }, '/r')).toEqual([
    'unit: 2 files, 5.0 s in total',
    'system: 1 files, 2.5 s in total',
  ]);
});
