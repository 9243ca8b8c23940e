import { expect, test } from 'vitest';
import { isOnlyMore, reductionOf } from './measure.ts';

const JS = "test('a', () => assert.equal(sum(1, 2), 3));\ntest('b', () => expect(x).toBe(1));\n";

test.each([
  [
    'an empty file',
    JS,
    '',
    '2 → 0 tests, 2 of 2 assertions gone or changed, the first in line 1: `assert.equal(sum(1, 2), 3)`',
  ],
  [
    'an empty body',
    JS,
    "test('a', () => {});\ntest('b', () => expect(x).toBe(1));\n",
    '1 of 2 assertions gone or changed, the first in line 1: `assert.equal(sum(1, 2), 3)`',
  ],
  [
    'comments',
    JS,
    JS.replace(/^/gm, '// '),
    '2 → 0 tests, 2 of 2 assertions gone or changed, the first in line 1: `assert.equal(sum(1, 2), 3)`',
  ],
  ['a skipped test', JS, JS.replace("test('b'", `it${'.skip'}('b'`), '0 → 1 skipped'],
  ['one that is alone', JS, JS.replace("test('b'", `it${'.only'}('b'`), '0 → 1 skipped'],
  [
    'python',
    'def test_a():\n    assert f() == 1\n',
    'def test_a():\n    pass\n',
    '1 of 1 assertions gone or changed, the first in line 2: `assert f() == 1`',
  ],
  [
    'go',
    'func TestA(t *testing.T) {\n\tt.Fatal("x")\n}\n',
    'func TestA(t *testing.T) {\n}\n',
    '1 of 1 assertions gone or changed, the first in line 2: `t.Fatal("x")`',
  ],
  ['rust', '#[test]\nfn a() { assert_eq!(1, 1); }\n', 'fn a() { assert_eq!(1, 1); }\n', '1 → 0 tests'],
  ['nothing', JS, `${JS}test('c', () => expect(y).toBe(2));\n`, undefined],
  [
    'another format',
    JS,
    JS.replaceAll("'", '"').replace('sum(1, 2), 3', '\n  sum(1, 2),\n  3,\n'),
    undefined,
  ],
  ['another name of a test', JS, JS.replace("'a'", "'adds'"), undefined],
  [
    'another name of what is tested',
    JS,
    JS.replaceAll('sum(', 'add('),
    '1 of 2 assertions gone or changed, the first in line 1: `assert.equal(sum(1, 2), 3)`',
  ],
])('sees that a test file tests less: %s', (_, was, is, reduction) => {
  expect(reductionOf(was, is)).toBe(reduction);
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
  expect(reductionOf(was, is)).toContain(reduction);
});

test('a test program has only more than it had', () => {
  const was = 'assert.equal(sum(1, 2), 3);\n\ndone();\n';
  expect(isOnlyMore(was, `// why\n${was}assert.equal(sum(2, 2), 4);\n`)).toBe(true);
  expect(isOnlyMore(was, was.replace('3', '4'))).toBe(false);
  expect(isOnlyMore(was, `process.exit(0);\n${was}`)).toBe(false);
});

const MEANT =
  "import { sum } from '../src/sum.js';\ntest('adds', () => {\n  assert.equal(sum(1, 2), 3);\n});\n";

test.each([
  [
    'its name given to something else',
    MEANT,
    MEANT.replace('{ sum }', '{ sum as _s }').replace('test(', 'const sum = () => 3;\ntest('),
    'sum is not what was imported any more',
  ],
  ['an option in short', MEANT, MEANT.replace("'adds', ()", "'adds', { skip }, ()"), '0 → 1 skipped'],
  [
    'a failure that is expected',
    MEANT,
    MEANT.replace("'adds', ()", "'adds', { expectFailure: true }, ()"),
    '0 → 1 skipped',
  ],
  [
    'a loop over nothing',
    MEANT,
    MEANT.replace('test(', 'for (const _ of []) test('),
    'a way past assertions',
  ],
  [
    'a cfg of a whole file',
    '#[test]\nfn a() { assert_eq!(1, 1); }\n',
    '#![cfg(any())]\n#[test]\nfn a() { assert_eq!(1, 1); }\n',
    '0 → 1 skipped',
  ],
  [
    'a panic that is expected',
    '#[test]\nfn a() { assert_eq!(1, 1); }\n',
    '#[test]\n#[should_panic]\nfn a() { assert_eq!(1, 1); }\n',
    '0 → 1 skipped',
  ],
  [
    'an error that is held back',
    'def test_a():\n    assert f() == 1\n',
    'def test_a():\n  with contextlib.suppress(Exception):\n    assert f() == 1\n',
    'a way past assertions',
  ],
  [
    'a test that is taken away',
    'def test_a():\n    assert f() == 1\n',
    'def test_a():\n    assert f() == 1\n\ndel test_a\n',
    'a way past assertions',
  ],
  [
    'a name of Python',
    'from app import f\ndef test_a():\n    assert f() == 1\n',
    'from app import f as g\nf = lambda: 1\ndef test_a():\n    assert f() == 1\n',
    'f is not what was imported any more',
  ],
])('is less by %s', (_, was, is, reduction) => {
  expect(reductionOf(was, is)).toContain(reduction);
});

test('is no less by an import that nothing uses any more', () => {
  const was = MEANT.replace('{ sum }', '{ sum, more }');
  expect(reductionOf(was, MEANT)).toBeUndefined();
});
