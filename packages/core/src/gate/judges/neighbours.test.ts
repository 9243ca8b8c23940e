/** What of other repositories, and of packages and task files of this one, judges it. */
import { expect, test } from 'vitest';
import { type Files, treeOf, weakened } from '../../../testing/judge-trial.ts';
import { linesAmong } from './neighbour-lines.ts';

const CATALOG: Files = { 'ci/check.sh': 'npm test', 'src/a.js': '1', 'src/check.js': '1' };

/** The lines of the catalog where a shop beside it runs `npm test`. */
const linesFrom = async (shop: Files): Promise<readonly string[]> => {
  const files: Readonly<Record<string, Files>> = { shop, catalog: CATALOG };
  const lines = await linesAmong({
    trees: Object.entries(files).map(([name, one]) => ({ ...treeOf(one), repository: name })),
    linesIn: (repository) => (repository === 'shop' ? ['npm test'] : []),
    textOf: async (repository, path) => files[repository]?.[path],
  });
  return lines.get('catalog') ?? [];
};
const npm = (script: string): string => JSON.stringify({ scripts: { test: script } });

test.each<[string, Files, string]>([
  ['a script of a package', { 'package.json': npm('sh ../catalog/ci/check.sh') }, 'ci/check.sh'],
  [
    'a script of a script',
    { 'package.json': npm('sh ci/all.sh'), 'ci/all.sh': 'cd ../catalog && sh ci/check.sh\n' },
    'ci/check.sh',
  ],
  [
    'a script from its own folder',
    { 'package.json': npm('sh ci/all.sh'), 'ci/all.sh': 'sh ../../catalog/ci/check.sh\n' },
    'ci/check.sh',
  ],
  [
    'a script that goes to where repositories lie',
    { 'package.json': npm('sh ci/all.sh'), 'ci/all.sh': 'cd .. && sh catalog/ci/check.sh\n' },
    'ci/check.sh',
  ],
  [
    'Make',
    { 'package.json': npm('make all'), Makefile: 'all:\n\tsh /workspace/catalog/ci/check.sh\n' },
    'ci/check.sh',
  ],
  [
    'code',
    { 'package.json': npm('node ci/all.mjs'), 'ci/all.mjs': "import '../../catalog/src/check.js';\n" },
    'src/check.js',
  ],
])('what %s of another repository runs judges', async (_, shop, path) => {
  const lines = await linesFrom(shop);
  expect(await weakened(lines, CATALOG, { ...CATALOG, [path]: 'true' })).toEqual([`script_changed ${path}`]);
  expect(await weakened(lines, CATALOG, { ...CATALOG, 'src/a.js': '2' })).toEqual([]);
});

const many = (count: number, lineOf: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => lineOf(index)).join('\n');
const CALL = 'sh ../../catalog/ci/check.sh';

test.each<[string, Files]>([
  [
    'lines that leave',
    { 'ci/all.sh': `${CALL}\n${many(1001, (index) => `cat ../../${index}`)}\n${CALL} -v` },
  ],
  ...[0, 499].map((leading): [string, Files] => [
    `scripts of which number ${leading} leaves`,
    {
      'ci/all.sh': many(500, (index) => `sh ci/${index}.sh`),
      ...Object.fromEntries(
        Array.from({ length: 500 }, (_, index) => [`ci/${index}.sh`, index === leading ? CALL : 'true']),
      ),
    },
  ]),
])('more than can be examined runs every script of the others: %s', async (_, files) => {
  const lines = await linesFrom({ 'package.json': npm('sh ci/all.sh'), ...files });
  for (const path of ['ci/check.sh', 'ci/other.sh']) {
    const was = { ...CATALOG, 'ci/other.sh': 'x' };
    expect(await weakened(lines, was, { ...was, [path]: 'true' })).toEqual([`script_changed ${path}`]);
  }
});

test('what leads nowhere is no line of a neighbour', async () => {
  expect(
    await linesFrom({ 'package.json': npm('node src/../a.js'), 'src/a.js': "import '../b.js';\n" }),
  ).toEqual([]);
});

test('repositories that run each other come to an end', async () => {
  const files: Readonly<Record<string, Files>> = {
    a: { 'ci/x.sh': 'sh ../../b/ci/x.sh\n' },
    b: { 'ci/x.sh': 'sh ../../c/ci/x.sh\n' },
    c: { 'ci/x.sh': 'sh ../../a/ci/x.sh\n' },
  };
  const lines = await linesAmong({
    trees: Object.entries(files).map(([repository, one]) => ({ ...treeOf(one), repository })),
    linesIn: (repository) => (repository === 'a' ? ['sh ci/x.sh'] : []),
    textOf: async (repository, path) => files[repository]?.[path],
  });
  expect(lines.get('c')).toEqual(['sh ./ci/x.sh']);
});

const member = (name: string, more: object = {}): string => JSON.stringify({ name, ...more });
const MONOREPO: Files = {
  'package.json': JSON.stringify({
    workspaces: ['packages/*', 'apps/*'],
    scripts: { test: 'vitest run', lint: 'eslint . && repo-lint' },
    devDependencies: { '@app/checks': '*', '@app/web': '*' },
  }),
  'eslint.config.js': "import app from '@app/eslint-config/base';\nexport default app;\n",
  'vitest.config.ts': "import { plugin } from '@app/checks';\nimport { version } from '@app/core';\n",
  'packages/eslint-config/package.json': member('@app/eslint-config'),
  'packages/eslint-config/base.js': 'export default [];\n',
  'packages/eslint-config/README.md': 'x',
  'packages/checks/package.json': member('@app/checks'),
  'packages/checks/src/index.ts': 'x',
  'packages/repo-lint/package.json': member('@app/repo-lint', { bin: { 'repo-lint': './run.mjs' } }),
  'packages/repo-lint/run.mjs': 'x',
  'packages/core/package.json': member('@app/core'),
  'packages/core/src/index.ts': 'x',
  'packages/tsconfig/package.json': member('@app/tsconfig'),
  'packages/tsconfig/base.json': '{}',
  'apps/web/package.json': member('@app/web', { dependencies: { '@app/core': '*' } }),
  'apps/web/tsconfig.json': '{"extends":"@app/tsconfig/base.json"}',
  'apps/web/src/main.ts': 'x',
};
const LINES = ['npm run lint && npm test'];

test.each([
  'packages/eslint-config/base.js',
  'packages/checks/src/index.ts',
  'packages/repo-lint/run.mjs',
  'packages/tsconfig/base.json',
])('a package of the repository that its checks are made of judges: %s', async (path) => {
  expect(await weakened(LINES, MONOREPO, { ...MONOREPO, [path]: 'off' })).toEqual([`script_changed ${path}`]);
});

test('a file more in such a package judges', async () => {
  const path = 'packages/eslint-config/base.mjs';
  expect(await weakened(LINES, MONOREPO, { ...MONOREPO, [path]: 'off' })).toEqual([`script_changed ${path}`]);
});

test.each([
  'packages/core/src/index.ts',
  'apps/web/src/main.ts',
  'packages/eslint-config/README.md',
  'packages/core/src/new.ts',
])('a package of the product does not, nor what is only read: %s', async (path) => {
  expect(await weakened(LINES, MONOREPO, { ...MONOREPO, [path]: 'y' })).toEqual([]);
});

test.each([
  ['invoke test', 'tasks.py'],
  ['uv run inv test', 'tasks.py'],
  ['doit check', 'dodo.py'],
  ['nox', 'noxfile.py'],
  ['fab test', 'fabfile.py'],
  ['just test', 'Justfile'],
  ['task test', 'Taskfile.yml'],
  ['bundle exec rake', 'Rakefile'],
  ['zig build test', 'build.zig'],
  ['mage test', 'magefile.go'],
  ['mage test', 'magefiles/test.go'],
  ['cargo xtask ci', 'xtask/src/main.rs'],
  ['npx jake test', 'Jakefile'],
  ['go run build.go', 'build.go'],
])('what `%s` finds by its name judges: %s', async (line, path) => {
  const was: Files = { [path]: 'x', 'app/a.py': '1' };
  expect(await weakened([line], was, { ...was, [path]: 'y' })).toHaveLength(1);
  expect(await weakened([line], was, { ...was, 'app/a.py': '2' })).toEqual([]);
});

test.each(['tasks.py', 'app/tasks.py', 'magefile_x.go', 'xtask/src/main.rs'])(
  'without its runner it is code: %s',
  async (path) => {
    const was: Files = { [path]: 'x', 'app/a.py': '1' };
    expect(await weakened(['pytest -q'], was, { ...was, [path]: 'y' })).toEqual([]);
  },
);
