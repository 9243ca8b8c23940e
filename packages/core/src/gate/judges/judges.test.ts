import { expect, test } from 'vitest';
import type { JudgedTree } from '../repository/path-index.ts';
import { judgeChanges } from './judges.ts';

type Files = Readonly<Record<string, string>>;
const treeOf = (files: Files): JudgedTree => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: files,
});
const judged = async (was: Files, is: Files, lines: readonly string[] = ['npm test']) => {
  const texts = { target: was, change: is };
  const pair = { target: treeOf(was), change: treeOf(is), lines };
  const {
    fromTarget,
    texts: made,
    weakened,
  } = await judgeChanges(pair, async (side, path) => texts[side][path]);
  return { fromTarget, texts: made, weakened: weakened.map(({ kind, subject }) => `${kind} ${subject}`) };
};
const manifest = (scripts: Files, more: object = {}): string =>
  JSON.stringify({ name: 'app', scripts, ...more });

const BASE: Files = {
  'package.json': manifest({
    test: 'npm run unit && sh scripts/check.sh',
    unit: 'node --test',
    dev: 'node .',
  }),
  'scripts/check.sh': 'set -e\nnode tools/look.js\n',
  'scripts/notes.sh': 'echo\n',
  'tools/look.js': 'look();\n',
  'sum.js': 'export const sum = (a, b) => a + b;\n',
  'sum.test.js': "test('adds', () => assert.equal(sum(1, 2), 3));\n",
  'test/fixtures/in.json': '{}',
};
const without = (...paths: readonly string[]): Files =>
  Object.fromEntries(Object.entries(BASE).filter(([path]) => !paths.includes(path)));

test.each<[string, Files, string[]]>([
  ['the code', { ...BASE, 'sum.js': 'x' }, []],
  ['a new test', { ...BASE, 'more.test.js': "test('x', () => assert(1));" }, []],
  [
    'a new script, and one that no check runs',
    {
      ...BASE,
      'package.json': manifest({
        test: 'npm run unit && sh scripts/check.sh',
        unit: 'node --test',
        dev: 'node other',
        docs: 'x',
      }),
    },
    [],
  ],
  [
    'dependencies',
    {
      ...BASE,
      'package.json': manifest(
        { test: 'npm run unit && sh scripts/check.sh', unit: 'node --test', dev: 'node .' },
        { dependencies: { a: '1' } },
      ),
    },
    [],
  ],
  ['a moved test', { ...without('sum.test.js'), 'test/sum.test.js': BASE['sum.test.js'] ?? '' }, []],
  ['a renamed test', { ...BASE, 'sum.test.js': "test('sums', () => assert.equal(sum(1, 2), 3));\n" }, []],
  ['configuration of a new folder', { ...BASE, 'site/vite.config.ts': 'x', 'site/tsconfig.json': '{}' }, []],
  ['data of tests', { ...BASE, 'test/fixtures/in.json': '[]' }, []],
])('a change of %s weakens nothing', async (_, is, weakened) => {
  expect((await judged(BASE, is)).weakened).toEqual(weakened);
});

test.each<[string, Files, string]>([
  ['a deleted test', without('sum.test.js'), 'test_deleted sum.test.js'],
  ['an emptied test', { ...BASE, 'sum.test.js': '' }, 'test_reduced sum.test.js'],
  [
    'a script that a script runs',
    {
      ...BASE,
      'package.json': manifest({ test: 'npm run unit && sh scripts/check.sh', unit: 'true', dev: 'node .' }),
    },
    'script_changed unit',
  ],
  [
    'a removed script',
    { ...BASE, 'package.json': manifest({ unit: 'node --test', dev: 'node .' }) },
    'script_changed test',
  ],
  [
    'a script before the script',
    {
      ...BASE,
      'package.json': manifest({
        pretest: 'rm *.test.js',
        test: 'npm run unit && sh scripts/check.sh',
        unit: 'node --test',
        dev: 'node .',
      }),
    },
    'script_changed pretest',
  ],
  ['a file that a script runs', { ...BASE, 'scripts/check.sh': 'true\n' }, 'script_changed scripts/check.sh'],
  ['a file that such a file runs', { ...BASE, 'tools/look.js': '' }, 'script_changed tools/look.js'],
  [
    'configuration in the manifest',
    {
      ...BASE,
      'package.json': manifest(
        { test: 'npm run unit && sh scripts/check.sh', unit: 'node --test', dev: 'node .' },
        { jest: {} },
      ),
    },
    'configuration_changed package.json: jest',
  ],
  ['new configuration', { ...BASE, '.npmrc': 'script-shell=/bin/true' }, 'configuration_changed .npmrc'],
  [
    'a tool among committed dependencies',
    { ...BASE, 'node_modules/.bin/node': '' },
    'configuration_changed node_modules/.bin/node',
  ],
  ['a module with the name of a tool', { ...BASE, 'pytest.py': '' }, 'configuration_changed pytest.py'],
  ['a manifest that cannot be read', { ...BASE, 'package.json': '{' }, 'script_changed test'],
  ['no manifest', without('package.json'), 'configuration_changed package.json'],
])('%s weakens what judges', async (_, is, weakened) => {
  const found = await judged(BASE, is);
  expect(found.weakened).toContain(weakened);
  expect([...found.fromTarget, ...Object.keys(found.texts)]).not.toEqual([]);
});

test('what judges is as in the target, and the rest as in the change', async () => {
  const is = {
    ...without('sum.test.js'),
    'package.json': manifest({ test: 'true' }, { dependencies: { a: '1' } }),
    '.mocharc.json': '{}',
    'other.test.js': '',
    'sum.js': 'x',
  };
  const { fromTarget, texts } = await judged(BASE, is);
  expect(fromTarget).toEqual(['.mocharc.json', 'other.test.js', 'sum.test.js']);
  expect(JSON.parse(texts['package.json'] ?? '')).toEqual({
    name: 'app',
    scripts: JSON.parse(BASE['package.json'] ?? '').scripts,
    dependencies: { a: '1' },
  });
});

test('a test that the change adds takes no part when the target judges, and what its product loads stays', async () => {
  const is = {
    ...BASE,
    'test/b.js': "test('adds', () => {});",
    'test/fakes.js': 'export const fake = 1;\n',
    'test/unused.js': 'export const helper = 1;\n',
    'sum.js': "import './test/b.js';\nexport { fake } from './test/fakes.js';\n",
  };
  expect(await judged(BASE, is)).toEqual({
    fromTarget: ['test/b.js', 'test/unused.js'],
    texts: {},
    weakened: [],
  });
});

test('a file that a command only works on does not judge', async () => {
  const was = {
    'a.txt': 'a',
    'check.py': 'x',
    Makefile: 'check:\n\t@python3 tools/all.py a.txt\n',
    'tools/all.py': '',
  };
  const lines = ['grep -q word a.txt && test -f a.txt', 'make check', './check.py --file=a.json'];
  expect((await judged(was, { ...was, 'a.txt': 'b' }, lines)).weakened).toEqual([]);
  expect((await judged(was, { ...was, 'check.py': '' }, lines)).weakened).toEqual([
    'script_changed check.py',
  ]);
  expect((await judged(was, { ...was, 'tools/all.py': 'y' }, lines)).weakened).toEqual([
    'script_changed tools/all.py',
  ]);
});

test('a test that goes where no test is found counts as deleted', async () => {
  const is = { ...without('sum.test.js'), 'attic/sum.txt': BASE['sum.test.js'] ?? '' };
  expect((await judged(BASE, is)).weakened).toEqual(['test_deleted sum.test.js']);
});

test.each<[string, string, Files]>([
  ['bash -euo pipefail ci/check', 'ci/check', {}],
  ['cd ci && ./check.sh', 'ci/check.sh', {}],
  ['timeout 60 ./check.sh', 'check.sh', {}],
  ['nice -n 5 ./check.sh', 'check.sh', {}],
  ['uv run look.py', 'look.py', {}],
  ['python3 -m ci.check', 'ci/check.py', {}],
  ['sh ci/check.sh', 'ci/lib.sh', { 'ci/check.sh': '. "$(dirname "$0")/lib.sh"\n' }],
  ['cd sub && npm test', 'sub/package.json', {}],
  ['npm --prefix sub test', 'sub/package.json', {}],
])('what `%s` runs judges: %s', async (line, path, more) => {
  const was: Files = { 'product.js': '1', ...more, [path]: 'was' };
  const { fromTarget, weakened } = await judged(was, { ...was, [path]: 'is' }, [line]);
  expect(fromTarget).toEqual([path]);
  expect(weakened).toEqual([`script_changed ${path}`]);
  expect((await judged(was, { ...was, 'product.js': '2' }, [line])).weakened).toEqual([]);
});

test.each(['.pytest.ini', 'pytest.toml', 'Rakefile', 'pom.xml', 'build.gradle.kts', 'src/setupTests.ts'])(
  '%s is configuration',
  async (path) => {
    const { weakened } = await judged({ [path]: 'was' }, { [path]: 'is' });
    expect(weakened).toEqual([`configuration_changed ${path}`]);
  },
);

test('every file that unittest finds is a test', async () => {
  const { weakened } = await judged({ 'testsum.py': 'self.assertEqual(1, 1)' }, { 'testsum.py': '' });
  expect(weakened).toEqual(['test_reduced testsum.py']);
});

test.each(["node --test 'checks/*.mjs'", 'node --test checks/', "mocha 'checks/**.mjs'"])(
  'what `%s` finds is a test: more of it is fine, less is not',
  async (line) => {
    const was: Files = { 'product.js': '1', 'checks/a.mjs': "test('x', () => assert(1));" };
    const judge = async (is: Files) => (await judged(was, { ...was, ...is }, [line])).weakened;
    expect(
      await judge({ 'checks/a.mjs': "test('x', () => assert(1));\ntest('y', () => assert(2));" }),
    ).toEqual([]);
    expect(await judge({ 'checks/a.mjs': '' })).toEqual(['test_reduced checks/a.mjs']);
  },
);

test.each([
  'npx eslint src/app.js',
  'npx prettier --check src/app.js',
  'python3 -m mypy src/app.js',
  'timeout 60 eslint src/app.js',
  'vitest run src/',
  'grep -q good src/app.js',
])('what `%s` only looks at is no judge', async (line) => {
  const was: Files = { 'src/app.js': '1' };
  expect(await judged(was, { 'src/app.js': '2' }, [line])).toEqual({
    fromTarget: [],
    texts: {},
    weakened: [],
  });
});
