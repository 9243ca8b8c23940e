/** What nobody can show to be no judge is asked about. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';
import { linesInto } from '../reach/shell-text.ts';

const JS: Files = {
  'ci/lint.mjs': 'x',

  'package.json': '{"scripts":{"test":"node --test"}}',
  'src/a.js': '1',
  'src/b/c.js': '1',
};
const exportsTo = (to: string, more = ''): Files => ({
  'package.json': `{"name":"app","exports":{"./rules":"${to}"${more}},"imports":{"#rules":"./ci/rules.mjs"}}`,
});
const added = (...paths: readonly string[]): [Files, string][] =>
  paths.map((path) => [{ [path]: 'x' }, `configuration_changed ${path}`]);

test.each<[Files, string]>([
  ...added(
    '.eslintcache',
    'eslint-suppressions.json',
    'tsconfig.tsbuildinfo',
    '.ruff_cache/x',
    '.turbo/c/x.bin',
  ),
  ...added('difflib.pyc', 'random.abi3.so', 'src/__pycache__/a.cpython-312.pyc', 'lib/a.jar', 'index.node'),
  ...added('unheard-of.config.mts', '.unheard-of.ts', 'unheardrc', 'unheard.toml', 'pmd.xml', 'Unheardfile'),
  ...added('ci/forbidden.lst', '.unheard/settings.js', 'src/package.json'),
])('a new file %j waits', async (more, shown) => {
  expect(await weakened('npm test', JS, { ...JS, ...more })).toContain(shown);
});

test.each<[string, Files, Files, string]>([
  ['a file of a rule', { Makefile: 'check:\n\tx\n' }, { check: '' }, 'script_changed check'],
  ['a folder of a rule', { Makefile: 'check: a\n\tx\n' }, { 'check/x': '' }, 'script_changed check/x'],
  ['a list', { Makefile: 'include $(wildcard *.inc)\n' }, { 'z.inc': '' }, 'script_changed z.inc'],
])('make is told by %s that nothing is to be done: it waits', async (_, was, more, shown) => {
  expect(await weakened('make check', was, { ...was, ...more })).toContain(shown);
});

test.each<[string, Files]>([
  ['an export', exportsTo('./ci/none.mjs')],
  [
    'an import',
    {
      'package.json': (exportsTo('./ci/rules.mjs')['package.json'] ?? '').replace(
        '"#rules":"./ci/rules',
        '"#rules":"./ci/none',
      ),
    },
  ],
])('%s that leads elsewhere waits', async (_, is) => {
  const was = exportsTo('./ci/rules.mjs');
  expect(await weakened('node ci/lint.mjs', was, is)).not.toEqual([]);
  expect(
    await weakened('node ci/lint.mjs', was, exportsTo('./ci/rules.mjs', ',"./more":"./src/more.mjs"')),
  ).toEqual([]);
});

test.each([
  'sh ../catalog/ci/check.sh',
  'cd ../catalog && sh ci/check.sh',
  'sh /workspace/catalog/ci/check.sh',
])('what a line of another repository runs judges: `%s`', async (line) => {
  const was = { 'ci/check.sh': 'x', 'src/a.js': '1' };
  const [into = ''] = linesInto(line, 'catalog');
  expect(await weakened(into, was, { ...was, 'ci/check.sh': 'true' })).toEqual([
    'script_changed ci/check.sh',
  ]);
  expect(await weakened(into, was, { ...was, 'src/a.js': '2' })).toEqual([]);
  expect(linesInto(line, 'shop')).toEqual([]);
});

test('what people add every day does not', async () => {
  const more = {
    ...{
      'README.md': 'x',
      LICENSE: 'x',
      'notes.txt': 'x',
      Dockerfile: 'x',
      'compose.yaml': 'x',
      'index.html': 'x',
    },
    ...{
      '.github/workflows/a.yml': 'x',
      '.vscode/settings.json': '{}',
      'public/logo.png': 'x',
      '.gitignore': 'out',
    },
    ...{
      'src/data.json': '{}',
      'db/1.sql': 'x',
      'locales/de.json': '{}',
      '.env.example': 'A=1',
      'server.ts': 'x',
    },
    ...{ 'packages/new/package.json': '{}', 'packages/new/new.config.ts': 'x', made: 'x' },
  };
  expect(await weakened('npm test', JS, { ...JS, ...more })).toEqual([]);
});

test.each<[string, string]>([
  ['a compiler', 'gcc ci/check.c -o /tmp/check && /tmp/check'],
  ['a function', 'step() { sh "$1"; }; step ci/check.c'],
  ['a pattern', 'for f in ci/ch?ck.*; do sh $f; done'],
  ['braces', 'for f in ci/{check,other}.c; do $f; done'],
  ['a folder', 'run-parts --regex . ci'],
  ['find', 'find ci -name "*.c" | xargs -n1 sh'],
  ['a list of arguments', 'set -- $(cat ci/check.c); sh "$@"'],
  ['a variable of the shell', 'BASH_ENV=ci/check.c bash -c true'],
  ['another folder', 'env -C ci sh check.c'],
  ['its being there', '[ -x ci/check.c ] && true'],
])('a file among scripts that is named to %s waits: `%s`', async (_, line) => {
  const was: Files = { 'ci/check.c': 'x', 'src/a.c': '1', 'build/out.txt': '' };
  expect(await weakened(line, was, { ...was, 'ci/check.c': '' })).toEqual(['script_changed ci/check.c']);
  expect(await weakened(line, was, { ...was, 'src/a.c': '2' })).toEqual([]);
});

test('what a tool is given to check is no part of it', async () => {
  const was: Files = { 'scripts/deploy.ts': 'x', 'package.json': '{}' };
  const is = { ...was, 'scripts/deploy.ts': 'y' };
  expect(await weakened('npx eslint --max-warnings 0 src scripts', was, is)).toEqual([]);
  expect(await weakened('prettier --check scripts/*.ts', was, is)).toEqual([]);
});

test.each([
  'iniconfig.py',
  'click/__init__.py',
  'gzip.py',
  'concurrent/__init__.py',
  'pytest_skip.py',
  'src/attr.py',
])('a new module at the root that a tool would load in place of its own waits: %s', async (path) => {
  const was: Files = { 'app.py': 'x', 'tests/test_app.py': 'def test_x():\n    assert 1\n' };
  expect(await weakened('pytest -q', was, { ...was, [path]: '' })).toEqual([`configuration_changed ${path}`]);
  expect(await weakened('pytest -q', was, { ...was, 'helpers.py': '' })).toEqual([]);
});
