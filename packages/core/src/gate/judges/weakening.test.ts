import type { Evidence, Weakening } from '@berth/contract';
import { expect, test } from 'vitest';
import { isAgreedTo, listed, weakenedBy } from './weakening.ts';

const deleted = (names: readonly string[]): Weakening[] =>
  listed(names.map((subject) => ({ kind: 'test_deleted' as const, subject, detail: 'deleted' }))).map(
    (one) => ({ ...one, repository: 'app' }),
  );
const names = (count: number, prefix = 'test/'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}.test.js`);

test('a yes covers what it was asked about, by name and not by number', () => {
  const [asked, other] = [names(70), [...names(69), 'test/auth.test.js']];
  expect(isAgreedTo(deleted(asked), deleted(asked))).toBe(true);
  expect(isAgreedTo(deleted(names(60)), deleted(asked))).toBe(true);
  expect(isAgreedTo(deleted(other), deleted(asked))).toBe(false);
});

test.each([
  ['many', names(501)],
  ['long', names(100, 'a'.repeat(2000))],
])('what is too %s to be kept is asked about again', (_, asked) => {
  const kept = deleted(asked);
  expect(kept.at(-1)?.subject).toMatch(/^and \d+ more$/);
  expect(isAgreedTo(kept, kept)).toBe(false);
});

const ran = (over: Partial<Evidence>): Evidence => ({
  ...{ name: 'test', repository: 'app', command: 'npm test', judgedBy: 'target', exitCode: 0 },
  ...{ timedOut: false, outOfMemory: false, durationMs: 1, logTail: '', ...over },
});
const said = (is: readonly Partial<Evidence>[], was: Partial<Evidence>): string[] =>
  weakenedBy(is.map(ran), [ran(was)]).map(({ kind, detail }) => `${kind} ${detail}`);

test('each test of the target must pass by its name, whatever the change calls its own', () => {
  const was = { tests: 2, testsPassed: ['adds', 'subtracts'] };
  const ended = { tests: 2, testsPassed: ['adds', 'sum.test.js'] };
  expect(said([ended], was)).toEqual(['tests_fewer `subtracts` passed in the target, and did not run here']);
  expect(said([{ tests: 2, testsPassed: ['x'] }], was)).toEqual([
    'tests_fewer `adds` and 1 more passed in the target, and did not run here',
  ]);
  expect(said([{ tests: 2 }], was)).toEqual([
    'tests_fewer it names none of its tests, as it does in the target',
  ]);
  expect(said([{ tests: 3, testsPassed: ['more', 'subtracts', 'adds'] }], was)).toEqual([]);
  const renamed: Partial<Evidence> = { judgedBy: 'change', tests: 2, testsPassed: ['adds', 'takes away'] };
  expect(said([{ tests: 2, testsPassed: was.testsPassed }, renamed], was)).toEqual([]);
  expect(said([{ tests: 2, testsPassed: ['adds'] }], { tests: 2 })).toEqual([]);
});

test.each<[string, Partial<Evidence>]>([
  ['ran out of time', { exitCode: null, timedOut: true }],
  ['ran out of memory', { exitCode: 1, outOfMemory: true }],
  ['was killed', { exitCode: null }],
  ['was killed below a shell', { exitCode: 137 }],
])('with a target whose own run %s no tests can be compared, which is for a person to know', (_, was) => {
  const unknown = [
    'target_unknown the result of the target is not known: its own run was ended before it had one',
  ];
  expect(said([{ tests: 1 }], was)).toEqual(unknown);
  expect(said([{ testsPassed: ['sum.test.js'] }], was)).toEqual(unknown);
  expect(said([{}], was)).toEqual([]);
  expect(said([{ tests: 1 }], { exitCode: 1 })).toEqual([]);
});

test('a run that says that tests failed is no pass, whatever it ended with', () => {
  const unsaid = ['target_red it says that 1 of its tests failed, and ends as a success'];
  expect(said([{ testsFailed: 1 }], {})).toEqual(unsaid);
  expect(said([{}, { judgedBy: 'change', testsFailed: 1 }], {})).toEqual(unsaid);
  expect(said([{ testsFailed: 1 }], { testsFailed: 1 })).toEqual([]);
});
