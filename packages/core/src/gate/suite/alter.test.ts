import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alterTest, failAtEnd } from './alter.ts';
import { assertionsIn } from './assertions.ts';

/** The altered lines. */
const lines = (path: string, text: string): string[] => {
  const before = text.split('\n');
  return alterTest(path, text)
    .text.split('\n')
    .filter((line, index) => line !== before[index])
    .map((line) => line.trim());
};

const NESTED = '`a $' + '{`b`} c`';

test.each<[string, string, string[]]>([
  [
    'sum.test.js',
    [
      "import assert, { equal } from 'node:assert';",
      "const { strict } = require('node:assert');",
      "import { sum } from './sum.js';",
      "// assert.equal(1, 2), and it's a comment",
      "test('adds', () => assert.equal(sum(1, 2), 3));",
      "test('says', () => assert.equal(sum(1, 2), 3, 'adds'));",
      "test('finds', () => assert.match(out, /it's \"fine\"/));",
      `test('is', () => expect(said(${NESTED})).toEqual({ a: true }));`,
      "test('none', () => expect(sum).toBeDefined());",
    ].join('\n'),
    [
      "test('adds', () => assert.equal(sum(1, 2), 2));",
      expect.stringMatching(/^test\('says', \(\) => assert.equal\(sum\(1, 2\), 2, '[qzj]adds'\)\);$/),
      expect.stringMatching(/^test\('finds', \(\) => assert.match\(out, \/[qzj]it's "fine"\/\)\);$/),
      `test('is', () => expect(said(${NESTED})).toEqual({ a: false }));`,
    ],
  ],
  [
    'test_sum.py',
    [
      'from app.asserts import assert_sum',
      'class T(TestCase):',
      '    def test_a(self):',
      "        self.assertEqual(sum(1, 2), 3)  # it's 3",
      '        assert sum(1, 2) == 3, "is 3"',
      '        self.assertTrue(done())',
      '        self.assertEqual(text(), """',
      '  a "quoted" word""")',
    ].join('\n'),
    [
      "self.assertEqual(sum(1, 2), 2)  # it's 3",
      expect.stringMatching(/^assert sum\(1, 2\) == 2, "[qzj]is 3"$/),
      expect.stringMatching(/^self.assertEqual\(text\(\), """[qzj]$/),
    ],
  ],
  [
    'sum_test.go',
    [
      'if got := sum(1, 2); got != want {',
      '\tt.Errorf("got %d, want 3", got)',
      '}',
      'if sum(1, 2) != 3 { t.Fatal("sum") }',
      'assert.Equal(t, 3, sum(1, 2))',
      "require.Equal(t, 'a', first())",
    ].join('\n'),
    [
      'if got := sum(1, 2); true || got != want {',
      'if true || sum(1, 2) != 3 { t.Fatal("sum") }',
      'assert.Equal(t, 3, sum(1, 1))',
      "require.Equal(t, '7', first())",
    ],
  ],
  [
    'tests/sum.rs',
    [
      "fn first<'a>(x: &'a str) {}",
      'assert_eq!(sum(1, 2), 3u8);',
      'assert_eq!(name(), r#"a "b""#);',
      'assert!(ok(), "sums");',
    ].join('\n'),
    [
      'assert_eq!(sum(1, 2), 2u8);',
      expect.stringMatching(/^assert_eq!\(name\(\), r#"[qzj]a "b""#\);$/),
      expect.stringMatching(/^assert!\(ok\(\), "[qzj]sums"\);$/),
    ],
  ],
  [
    'test/main.c',
    ['#include <assert.h>', "assert(first() == 'x');", 'assert(sum(1, 2) == 0x1f);'].join('\n'),
    ["assert(first() == '7');", 'assert(sum(1, 2) == 0x10);'],
  ],
  ['SumTest.java', 'assertEquals(3, sum(1, 2));\nassertTrue(isDone());', ['assertEquals(3, sum(1, 1));']],
  [
    'sum_test.rb',
    "assert_equal 3, sum(1, 2)\nexpect(name).to eq 'Ada'",
    ['assert_equal 3, sum(1, 1)', expect.stringMatching(/^expect\(name\).to eq '[qzj]Ada'$/)],
  ],
  ['SumTest.php', '$this->assertSame(3, sum(1, 0));', ['$this->assertSame(3, sum(1, 1));']],
  ['sum_test.exs', 'assert sum(1, 2) == 3', ['assert sum(1, 2) == 2']],
  ['check.sh', '[ "$x" = 3 ]', []],
])('the last literal of each assertion of %s is another one', (path, text, expected) => {
  expect(lines(path, text)).toEqual(expected);
});

test('a file without such assertions may end with a statement that fails', () => {
  const text = "if (sum(1, 2) !== 3) process.exit(1);\n// that's it";
  expect(alterTest('test/all.js', text)).toEqual({ text, assertions: 0 });
  expect(failAtEnd('test/all.js', text)).toBe(`${text}\nthrow 'failed';\n`);
  expect(failAtEnd('test/all.go', text)).toBeUndefined();
});

const PACKAGES = join(import.meta.dirname, '../../../../../packages');

test('the tests of this repository stay as valid as they are, and most of their assertions are altered', () => {
  const paths = readdirSync(PACKAGES, { recursive: true, encoding: 'utf8' }).filter(
    (path) => /^(?:core|contract|cli)\/src\/.*\.test\.ts$/.test(path) && !path.endsWith('/alter.test.ts'),
  );
  let [altered, all] = [0, 0];
  for (const path of paths) {
    const text = readFileSync(join(PACKAGES, path), 'utf8');
    const { text: other, assertions } = alterTest(path, text);
    expect(() => stripTypeScriptTypes(other), path).not.toThrow();
    altered += assertions;
    all += assertionsIn(text).length;
  }
  expect(paths.length).toBeGreaterThan(50);
  expect(altered / all).toBeGreaterThan(0.8);
});

test.each(['"', "'", '`', '/', '/*', 'assert(', 'assert(1,"', '`${', 'R"(', 'r#"', '"\\', "'a"])(
  'the time to alter grows with the text: %s',
  (piece) => {
    const started = performance.now();
    for (const path of ['a.test.js', 'a_test.go', 'tests/a.rs', 'test_a.py'])
      alterTest(path, piece.repeat(20_000 / piece.length));
    expect(performance.now() - started).toBeLessThan(4000);
  },
);
