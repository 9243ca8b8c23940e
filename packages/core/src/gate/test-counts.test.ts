import { expect, test } from 'vitest';
import { measureTest, reductionOf, testsRun } from './test-counts.ts';

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

const JS = "test('a', () => assert.equal(sum(1, 2), 3));\ntest('b', () => expect(x).toBe(1));\n";

test.each([
  ['an empty file', JS, '', '2 → 0 tests, 2 → 0 assertions'],
  ['an empty body', JS, "test('a', () => {});\ntest('b', () => expect(x).toBe(1));\n", '2 → 1 assertions'],
  ['comments', JS, JS.replace(/^/gm, '// '), '2 → 0 tests, 2 → 0 assertions'],
  ['a skipped test', JS, JS.replace("test('b'", `it${'.skip'}('b'`), '0 → 1 skipped'],
  ['one that is alone', JS, JS.replace("test('b'", `it${'.only'}('b'`), '0 → 1 skipped'],
  ['python', 'def test_a():\n    assert f() == 1\n', 'def test_a():\n    pass\n', '1 → 0 assertions'],
  [
    'go',
    'func TestA(t *testing.T) {\n\tt.Fatal("x")\n}\n',
    'func TestA(t *testing.T) {\n}\n',
    '1 → 0 assertions',
  ],
  ['rust', '#[test]\nfn a() { assert_eq!(1, 1); }\n', 'fn a() { assert_eq!(1, 1); }\n', '1 → 0 tests'],
  ['nothing', JS, `${JS}test('c', () => expect(y).toBe(2));\n`, undefined],
  ['a rename', JS, JS.replaceAll('sum(', 'add('), undefined],
])('sees that a test file tests less: %s', (_, was, is, reduction) => {
  expect(reductionOf(measureTest(was), measureTest(is))).toBe(reduction);
});
