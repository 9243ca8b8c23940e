import { expect, test } from 'vitest';
import { isOnlyMore, measureTest, reductionOf, testsRun } from './test-counts.ts';

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

const SKIP = `.${'skip'}`;
test.each<[string, string, string, string]>([
  [
    'pytest',
    'def test_a():\n    assert f()\n',
    '@pytest.mark.skip\ndef test_a():\n    assert f()\n',
    '0 → 1 skipped',
  ],
  [
    'pytest, all of a file',
    'def test_a():\n    assert f()\n',
    'pytestmark = pytest.mark.skip\ndef test_a():\n    assert f()\n',
    '0 → 1 skipped',
  ],
  [
    'unittest',
    'self.assertTrue(f())\n',
    'raise unittest.SkipTest("later")\nself.assertTrue(f())\n',
    '0 → 1 skipped',
  ],
  [
    'go',
    'func TestA(t *testing.T) {\n\tt.Fatal(1)\n}\n',
    'func TestA(t *testing.T) {\n\tt.SkipNow()\n\tt.Fatal(1)\n}\n',
    '0 → 1 skipped',
  ],
  [
    'go, of a suite',
    'func TestA(t *testing.T) {\n\tt.Fatal(1)\n}\n',
    'func TestA(t *testing.T) {\n\ts.T().Skip("x")\n\tt.Fatal(1)\n}\n',
    '0 → 1 skipped',
  ],
  ['go, not built', 'package a\n', '//go:build never\n\npackage a\n', '0 → 1 skipped'],
  [
    'rust',
    '#[test]\nfn a() { assert!(x); }\n',
    '#[test]\n#[ignore]\nfn a() { assert!(x); }\n',
    '0 → 1 skipped',
  ],
  ['mocha', JS, JS.replace("test('b'", "xit('b'"), '0 → 1 skipped'],
  ['jest', JS, JS.replace("test('b'", `test.concurrent${SKIP}('b'`), '0 → 1 skipped'],
  ['in quotes', JS, JS.replace("test('b'", "test['skip']('b'"), '0 → 1 skipped'],
  ['mocha, from inside', JS, JS.replace('expect(x)', `this${SKIP}(); expect(x)`), '0 → 1 skipped'],
  ['JUnit', '@Test\nvoid a() {}\n', '@Ignore @Test\nvoid a() {}\n', '0 → 1 skipped'],
  ['an end', JS, `process.exit(0);\n${JS}`, '0 → 1 calls that end the program'],
])('sees that a test is skipped: %s', (_, was, is, reduction) => {
  expect(reductionOf(measureTest(was), measureTest(is))).toContain(reduction);
});

test('a test program has only more than it had', () => {
  const was = 'assert.equal(sum(1, 2), 3);\n\ndone();\n';
  expect(isOnlyMore(was, `// why\n${was}assert.equal(sum(2, 2), 4);\n`)).toBe(true);
  expect(isOnlyMore(was, was.replace('3', '4'))).toBe(false);
  expect(isOnlyMore(was, `process.exit(0);\n${was}`)).toBe(false);
});
