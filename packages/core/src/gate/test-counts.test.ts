import { expect, test } from 'vitest';
import { testsRun } from './test-counts.ts';

test.each([
  ['node --test, spec', 'ℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\n', 3],
  ['node --test, TAP', 'ok 1 - a\n# tests 2\n# pass 1\n# fail 1\n# skipped 0\n', 2],
  ['vitest', ' Test Files  1 passed (1)\n      Tests  1 failed | 3 passed | 2 skipped (6)\n', 4],
  [
    'vitest in colours',
    '\u001b[2m      Tests \u001b[22m \u001b[1m\u001b[32m3 passed\u001b[39m\u001b[22m (3)\n',
    3,
  ],
  ['jest', 'Tests:       1 failed, 1 skipped, 3 passed, 5 total\nSnapshots:   0 total\n', 4],
  ['two runs of jest', 'Tests:       3 passed, 3 total\nTests:       2 passed, 2 total\n', 5],
  ['pytest', '===== 3 passed, 1 failed, 2 skipped in 0.12s =====\n', 4],
  ['pytest -q', '..F\n1 failed, 2 passed in 0.05s\n', 3],
  ['unittest', 'Ran 5 tests in 0.001s\n\nOK (skipped=2)\n', 3],
  ['mocha', '\n  3 passing (7ms)\n  1 pending\n  2 failing\n', 5],
  [
    'cargo',
    'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\ntest result: ok. 2 passed; 0 failed;\n',
    5,
  ],
  [
    'go test -v',
    '--- PASS: TestA (0.00s)\n    --- PASS: TestA/one (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\n',
    3,
  ],
  ['TAP', 'TAP version 13\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP later\n1..3\n', 2],
  ['nothing that is known', 'fine\n', undefined],
  ['go test without details', 'ok  \texample.com/app\t0.003s\n', undefined],
])('reads the number of tests that ran: %s', (_, log, count) => {
  expect(testsRun(log)).toBe(count);
});
