import { expect, test } from 'vitest';
import { testsFailed, testsPassed } from './names.ts';

test.each<[string, string, string[] | undefined]>([
  [
    'node --test, spec',
    '✔ adds (0.5ms)\n▶ suite\n  ✔ in 12 (1.2ms)\n  ✖ fails (1ms)\n﹣ later (0.4ms) # SKIP\nℹ pass 2\n',
    ['adds', 'in #'],
  ],
  ['a file that ended early', '✔ src/sum.test.js (34.2ms)\nℹ pass 1\n', ['src/sum.test.js']],
  [
    'TAP',
    'ok 1 - adds\n    ok 1 - in\nnot ok 2 - b\nok 3 - c # SKIP\nok 4 - d # todo\n1..4\n',
    ['adds', 'in'],
  ],
  ['bats', '1..2\nok 1 a\nok 2 b # skip\n', ['a']],
  [
    'mocha',
    '\n  sum\n    ✔ adds\n    ✓ slow (1200ms)\n    1) fails\n\n  2 passing (7ms)\n',
    ['adds', 'slow'],
  ],
  [
    'vitest, by file',
    ' ✓ test/a.test.ts (2 tests) 3ms\n ✓ |unit| b.test.ts (3 tests | 2 skipped) 3ms\n   ✓ adds 300ms\n ❯ c.test.ts (2 tests | 1 failed)\n',
    ['test/a.test.ts', 'test/a.test.ts (2)', '|unit| b.test.ts'],
  ],
  ['vitest, by test', ' ✓ test/a.test.ts > sum > adds 3ms\n', ['test/a.test.ts > sum > adds']],
  [
    'jest, which names single tests only of a single file',
    'PASS test/a.test.js (5.1 s)\n  ✓ adds (1 ms)\nFAIL b.test.js\n',
    ['test/a.test.js'],
  ],
  [
    'go test -v',
    '--- PASS: TestA (0.00s)\n    --- PASS: TestA/one (0.00s)\n--- FAIL: TestB (0.00s)\n',
    ['TestA', 'TestA/one'],
  ],
  [
    'go test -json',
    '{"Action":"pass","Package":"p","Test":"TestA"}\n{"Action":"pass","Package":"p"}\n',
    ['TestA'],
  ],
  [
    'pytest',
    '..\nSKIPPED [1] t.py:3: x\nPASSED tests/test_a.py::test_x[a b]\nPASSED tests/test_a.py::test_y\n2 passed in 0.1s\n',
    ['tests/test_a.py::test_x[a b]', 'tests/test_a.py::test_y'],
  ],
  [
    'pytest -v',
    'tests/test_a.py::test_x PASSED      [ 50%]\ntests/test_a.py::test_y FAILED [100%]\n',
    ['tests/test_a.py::test_x'],
  ],
  [
    'unittest',
    "test_a (t.T.test_a) ... ok\ntest_b (t.T.test_b)\nDoc ... ok\ntest_c (t.T.test_c) ... skipped 'x'\n\nRan 3 tests in 0.1s\n",
    ['test_a (t.T.test_a)', 'Doc'],
  ],
  [
    'cargo, whose tests lie in the product',
    'test tests::adds ... ok\ntest result: ok. 1 passed; 0 failed;\n',
    undefined,
  ],
  [
    'JUnit',
    '<testcase name="adds" time="0.1" classname="test"/>\n<testcase name="b">\n<failure/>\n',
    ['adds'],
  ],
  ['colours', '\u001b[32m✔ adds \u001b[90m(0.5ms)\u001b[39m\u001b[39m\nℹ pass 1\n', ['adds']],
  ['what the product says', 'connecting ... ok\n✔ built\nok then\n', undefined],
  [
    'numbers, which may be others',
    'ok 1 - port 4711 of 3fa85f64a\nok 2 - port 12 of 00c0ffee1\n1..2\n',
    ['port # of #', 'port # of # (2)'],
  ],
])('names the tests that passed: %s', (_, output, names) => {
  expect(testsPassed(output)).toEqual(names);
});

test('of more tests than are kept none is named', () => {
  expect(testsPassed(`1..6000\n${'ok 1 - a\n'.repeat(5000)}`)?.length).toBe(5000);
  expect(testsPassed(`1..6000\n${'ok 1 - a\n'.repeat(5001)}`)).toBeUndefined();
});

test.each([
  ['node --test', 'ok 1 - a\nnot ok 2 - b\n# pass 1\n# fail 1\n', 1],
  ['what is still to do', 'not ok 1 - a # todo\nnot ok 2 - b # SKIP\n# fail 0\n', 0],
  ['vitest', ' Test Files  1 failed | 1 passed (2)\n      Tests  2 failed | 3 passed (5)\n', 2],
  ['vitest, whose file fails on loading', ' Test Files  1 failed (1)\n      Tests  no tests\n', 1],
  ['jest', 'Tests:       12 failed, 3 passed, 15 total\n', 12],
  ['pytest', '1 failed, 2 passed, 1 error in 0.05s\n', 1],
  ['pytest, long', '=== 12 failed, 2 passed in 0.05s ===\n', 12],
  ['unittest', 'Ran 5 tests in 0.001s\n\nFAILED (failures=3, errors=1, skipped=1)\n', 3],
  ['mocha', '  3 passing (7ms)\n  2 failing\n', 2],
  ['cargo', 'test result: FAILED. 3 passed; 2 failed; 0 ignored\n', 2],
  ['go', '--- FAIL: TestB (0.00s)\nFAIL\n', 1],
  ['RSpec', '5 examples, 1 failure, 2 pending\n', 1],
  [
    'all well',
    'ℹ pass 2\nℹ fail 0\n3 passed in 0.1s\n5 examples, 0 failures\nTests run: 4, Failures: 0, Errors: 0\n',
    0,
  ],
])('counts the tests that failed: %s', (_, output, failed) => {
  expect(testsFailed(output)).toBe(failed);
});
