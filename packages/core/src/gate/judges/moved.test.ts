/** Tests that go elsewhere, where a runner finds them or does not. */
import { expect, test } from 'vitest';
import { type Files, judged, weakened } from '../../../testing/judge-trial.ts';

test.each<[string, string, string, string]>([
  ['npm test', 'test/sum.test.js', 'specs/sum.js', 'node --test'],
  ['npm test', 'test/sum.test.js', 'test/sum.test.jsx', 'node --test'],
  ['npm test', 'test/sum.test.js', 'test/sum.js', 'vitest'],
  ['npm test', 'packages/a/a.test.js', 'packages/a/specs/a.js', 'npm test -ws'],
  ['npm test', 'test/unit/a.test.js', 'test/slow/a.test.js', 'vitest'],
  ['npm test', 'src/a.test.js', 'src/dist/a.test.js', 'vitest'],
  ['sh all.sh', 'tests/b.sh', 'tests/sub/b.sh', ''],
  ['sh all.sh', 'tests/b.sh', 'tests/b.bats', ''],
  ['sh all.sh', 'tests/b.sh', 'tests/.b.sh', ''],
  ['make check', 'tests/b.c', 'tests/b.cc', ''],
  ['python -m unittest', 'tests/test_b.py', 'tests/b.spec.py', ''],
  ['python -m unittest', 'tests/test_b.py', 'tests/b.py', ''],
  ['python -m unittest', 'tests/test_b.py', 'tests/unit/test_b.py', ''],
  ['sh all.sh', 'tests/test_b.sh', 'tests/sub/test_b.sh', ''],
  ['go test ./...', 'a_test.go', 'a_illumos_test.go', ''],
  ['go test ./...', 'a_test.go', '_a_test.go', ''],
  ['go test ./...', 'a_test.go', 'a.test.go', ''],
  ['cargo test', 'tests/it.rs', 'tests/sub/it.rs', ''],
  ['mvn test', 'src/test/java/ATest.java', 'src/test/java/A.java', ''],
])('with `%s` the test %s is gone when it is %s', async (line, from, to, script) => {
  const more: Files = script === '' ? {} : { 'package.json': JSON.stringify({ scripts: { test: script } }) };
  const text = 'assert(add(1, 2) == 3)\n';
  const all = await weakened(line, { ...more, [from]: text }, { ...more, [to]: text });
  expect(all).toContain(`test_deleted ${from}`);
});

const RUNNERS = ['sh all.sh', 'node --test', 'pytest', 'go test ./...', 'mvn test'];

test.each<[string, string]>([
  ['test/sum.test.js', 'test/add.test.js'],
  ['test/sum.test.js', 'test/math/sum.test.js'],
  ['tests/test_b.py', 'tests/unit/test_add_b.py'],
  ['a_test.go', 'b_test.go'],
  ['src/test/java/ATest.java', 'src/test/java/math/SumTest.java'],
  ['tests/b.sh', 'tests/c.sh'],
])('the test %s goes on as %s, and the target judges by it where it was', async (from, to) => {
  const text = 'assert(add(1, 2) == 3)\n';
  const [was, is] = [{ [from]: text }, { [to]: text }];
  expect(await weakened(RUNNERS, was, is)).toEqual([]);
  // Twice, under one name, a compiler or a runner would refuse it.
  expect((await judged(RUNNERS, was, is)).fromTarget).toEqual([from, to].sort());
});

const without = (files: Files, ...paths: readonly string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !paths.includes(path)));
const CASES: Files = {
  'package.json': '{"scripts":{"test":"node test/run.js"}}',
  'test/run.js': "for (const file of fs.readdirSync('test/cases')) assert.equal(...read(file));\n",
  'test/cases/a.json': '[1]',
  'test/cases/b.json': '[2]',
};

test.each<[string, Files]>([
  ['deleted', without(CASES, 'test/cases/b.json')],
  ['emptied', { ...CASES, 'test/cases/b.json': '[]\n' }],
])('a case among the data of tests that is %s is a test less', async (_, is) => {
  const [found] = await weakened('npm test', CASES, is);
  expect(found).toMatch(/^test_(?:deleted|reduced) test\/cases\/b\.json$/);
});

test('data that a test names is missed by that test itself, and other cases are everyday work', async () => {
  const was = {
    ...CASES,
    'test/a.test.js': "assert(read('./fixtures/old.json'));",
    'fixtures/old.json': '[1]',
  };
  expect(await weakened('npm test', was, without(was, 'fixtures/old.json'))).toEqual([]);
  expect(await weakened('npm test', CASES, { ...CASES, 'test/cases/c.json': '[3]' })).toEqual([]);
  expect(await weakened('npm test', CASES, { ...CASES, 'test/cases/b.json': '[4]' })).toEqual([]);
});

test.each<[string, Files, Files, string]>([
  [
    'make test',
    {
      Makefile: 'test:\n\tpython3 tools/check.py\n',
      'tools/check.py': "for rule in glob.glob('rules.d/*.py'):\n    runpy.run_path(rule)\n",
      'rules.d/a.py': 'check(1)\n',
    },
    { 'rules.d/a.py': '' },
    'script_changed rules.d/a.py',
  ],
  [
    'npm test',
    {
      'package.json': '{"scripts":{"test":"node run.cjs"}}',
      'run.cjs': `for (const one of fs.readdirSync('qa')) require('./qa/' + one);\n`,
      'qa/a.js': 'if (sum(1, 2) !== 3) throw 1;\n',
    },
    { 'qa/a.js': '' },
    'script_changed qa/a.js',
  ],
])('`%s`: what a script runs of all that lies in a folder is a script', async (line, was, is, expected) => {
  expect(await weakened(line, was, { ...was, ...is })).toContain(expected);
});
