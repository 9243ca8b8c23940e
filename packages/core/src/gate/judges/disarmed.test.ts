import type { Evidence } from '@berth/contract';
import { expect, test } from 'vitest';
import { disarmedBy, isSuspect, mayRunTests } from './disarmed.ts';

const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  name: 'test',
  repository: 'app',
  command: 'npm test',
  judgedBy: 'target',
  exitCode: 0,
  timedOut: false,
  outOfMemory: false,
  durationMs: 1,
  logTail: '',
  ...over,
});
const RED = { exitCode: 1 };

const judged = (before: Partial<Evidence>, altered: Partial<Evidence>, target: Partial<Evidence>) => {
  const runs = { evidence: [evidence(before)], altered: [evidence(altered)], baseline: [evidence(before)] };
  return {
    isSuspect: isSuspect(runs),
    found: disarmedBy(runs, [evidence(target)]).map(({ kind, detail }) => `${kind}: ${detail}`),
  };
};
const NAMED = { tests: 3, testsPassed: ['a', 'b', 'c'] };

interface Case {
  readonly before?: Partial<Evidence>;
  readonly altered: Partial<Evidence>;
  readonly target: Partial<Evidence>;
  readonly isSuspect: boolean;
  readonly found?: readonly unknown[];
}

const CASES: readonly (readonly [string, Case])[] = [
  ['both fail', { altered: RED, target: RED, isSuspect: false }],
  ['both pass', { altered: {}, target: {}, isSuspect: true }],
  [
    'only the target fails',
    {
      ...{ altered: {}, target: RED, isSuspect: true },
      found: [
        'tests_disarmed: `npm test` passes with tests that were altered to fail; on the target it fails',
      ],
    },
  ],
  [
    'the target does not end in time',
    {
      ...{ altered: {}, target: { exitCode: null, timedOut: true }, isSuspect: true },
      found: [expect.stringContaining('on the target that run did not end in time')],
    },
  ],
  [
    'the merge does not end in time',
    { altered: { exitCode: null, timedOut: true }, target: RED, isSuspect: false },
  ],
  ['the merge runs out of memory', { altered: { outOfMemory: true }, target: RED, isSuspect: false }],
  [
    'a test passes by its name although the run fails',
    {
      before: NAMED,
      altered: { ...RED, tests: 3, testsPassed: ['a', 'c'] },
      target: { ...RED, tests: 3, testsPassed: ['c'] },
      isSuspect: true,
      found: ['tests_disarmed: `a` passes although it was altered to fail; on the target it fails'],
    },
  ],
  [
    'no test of the target passes',
    {
      before: NAMED,
      altered: { ...RED, tests: 3, testsPassed: ['a'] },
      target: { ...RED, tests: 3 },
      isSuspect: true,
      found: [expect.stringContaining('`a` passes')],
    },
  ],
  [
    'the runner stops at its first failure',
    {
      before: NAMED,
      altered: { ...RED, tests: 2, testsPassed: ['a'] },
      target: { ...RED, tests: 1 },
      isSuspect: true,
    },
  ],
  [
    'what passes has nothing to alter',
    {
      before: NAMED,
      altered: { ...RED, tests: 3, testsPassed: ['c'] },
      target: { ...RED, tests: 3, testsPassed: ['c'] },
      isSuspect: true,
    },
  ],
];

test.each(CASES)(
  'with altered tests, %s',
  (_, { before = {}, altered, target, isSuspect: suspect, found = [] }) => {
    expect(judged(before, altered, target)).toEqual({ isSuspect: suspect, found });
  },
);

test('a command that checks something else by its name is not run again, unless it reports tests', () => {
  const may = (name: string, run: string, over: Partial<Evidence> = {}): boolean =>
    mayRunTests({ name, run, repository: 'app' }, [evidence({ name, ...over })]);
  expect([may('lint', 'eslint .'), may('npm-build', 'npm run build'), may('types', 'tsc')]).toEqual([
    false,
    false,
    false,
  ]);
  expect([may('build', 'mvn package', { tests: 3 }), may('build', 'make test'), may('ci', 'make')]).toEqual([
    true,
    true,
    true,
  ]);
});

test.each([
  ['a command that prints no tests may not run any', {}, []],
  ['one that counts its tests does', { tests: 3 }, ['tests_disarmed']],
] as const)('where the target is red anyway, %s', (_, printed, kinds) => {
  const runs = {
    evidence: [evidence(printed)],
    altered: [evidence(printed)],
    baseline: [evidence({ ...printed, ...RED })],
  };
  expect(disarmedBy(runs, [evidence(RED)]).map(({ kind }) => kind)).toEqual(kinds);
});
