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
  expect(await weakened('sh all.sh', was, is)).toEqual([]);
  expect((await judged('sh all.sh', was, is)).fromTarget).toEqual([from]);
});
