import { expect, test } from 'vitest';
import { mayBeHandedOver } from './handed-over.ts';
import { linked } from './plan.ts';

const COMMIT = new Set(['src/sum.ts', 'test/sum.test.ts', 'tests/sum.c', 'package.json', 'setup.py']);
const words = new Set(['npm', 'run', 'test', 'checker']);
const isHandedOver = (path: string, keep: readonly string[] = []): boolean =>
  mayBeHandedOver({ path, commit: COMMIT, words, keep });

test.each([
  ...['dist/', 'build/', 'target/', '.next/', '.svelte-kit/', 'src/generated.ts', 'src/sum.js', 'lib/x.so'],
  ...[
    'test/sum.test.js',
    'test/sum.test.js.map',
    'tests/sum',
    'tests/sum.o',
    'sum.o',
    'app',
    'pkg/_ext.abi3.so',
  ],
])('a build hands over %s', (path) => {
  expect(isHandedOver(path)).toBe(true);
});

test.each([
  ...[
    'node_modules/',
    'packages/a/node_modules/',
    '.venv/',
    '.npmrc',
    'conftest.py',
    'src/conftest.py',
    '.env',
  ],
  ...['vitest.config.ts', 'src/package.json', 'GNUmakefile', '.gitignore', 'src/.eslintrc.json', 'yarn.lock'],
  ...['test/other.test.js', 'test/setup.js', 'tests/', 'tests/json/', 'test/helper.py', 'src/__mocks__/'],
  ...[
    'json.py',
    'json/',
    'json.cpython-312-x86_64-linux-gnu.so',
    'unittest.pyc',
    'pytest/',
    'sitecustomize.py',
  ],
  ...['.checkerrc', 'checker.config.js', 'pyproject.toml', 'src/Cargo.toml'],
])('and does not hand over %s', (path) => {
  expect(isHandedOver(path)).toBe(false);
});

test('the workspace may say what is handed over nevertheless', () => {
  const keep = ['node_modules/.prisma', 'test/data', 'Makefile'];
  expect(
    ['node_modules/.prisma/', 'test/data/a.json', 'test/', 'Makefile'].map((p) => isHandedOver(p, keep)),
  ).toEqual([true, true, true, true]);
  expect(['test/dat', 'test/data2/', 'src/Makefile'].map((path) => isHandedOver(path, keep))).toEqual([
    false,
    false,
    false,
  ]);
});

test('a command starts from the results of all it needs, directly or not', () => {
  const command = (name: string, ...needs: string[]) => ({
    ...{ name, needs, run: name, repository: 'app', timeoutMs: 1 },
  });
  const commands = [command('a'), command('b', 'a'), command('c'), command('d', 'c', 'b')];
  expect(linked(commands).map(({ needs, isNeeded }) => [needs, isNeeded])).toEqual([
    [[], true],
    [[0], true],
    [[], true],
    [[0, 1, 2], false],
  ]);
  const twins = [command('build'), { ...command('build'), repository: 'lib' }, command('test', 'build')];
  expect(linked(twins).at(-1)?.needs).toEqual([0]);
});
