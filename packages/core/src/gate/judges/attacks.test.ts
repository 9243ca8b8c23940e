/** What decides a verdict and what does not, in both directions: the first needs a person, the second must never wait. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const json = (value: object): string => JSON.stringify(value, null, 2);
const manifest = (more: object = {}): string =>
  json({
    name: 'app',
    scripts: { test: 'vitest run', unit: 'node --test', lint: 'eslint .' },
    devDependencies: { vitest: '^1.0.0', eslint: '^9.0.0' },
    dependencies: { left: '^1.0.0' },
    ...more,
  });
const entry = (name: string, version: string, more: object = {}): object => ({
  version,
  resolved: `https://registry.npmjs.org/${name}/-/${name.replace(/.*\//, '')}-${version}.tgz`,
  integrity: `sha512-${name}${version}`,
  ...more,
});
const PACKAGES = {
  '': { name: 'app' },
  'node_modules/vitest': entry('vitest', '1.0.0'),
  'node_modules/@vitest/runner': entry('@vitest/runner', '1.0.0'),
  'node_modules/left': entry('left', '1.0.0'),
};
const lock = (more: object = {}): string => json({ lockfileVersion: 3, packages: { ...PACKAGES, ...more } });
const NODE: Files = { 'package.json': manifest(), 'package-lock.json': lock(), 'src/a.js': '1' };
const node = (fields: object): Files => ({ ...NODE, 'package.json': manifest(fields) });

const YARN = [
  '# yarn lockfile v1\n',
  'left@^1.0.0:\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/left/-/left-1.0.0.tgz#1"\n',
  '"vitest@^1.0.0":\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/vitest/-/vitest-1.0.0.tgz#1"\n  dependencies:\n    left "^1.0.0"\n',
].join('\n');
const PNPM = [
  "lockfileVersion: '9.0'\n",
  'importers:\n\n  .:\n    devDependencies:\n      vitest:\n        specifier: ^1.0.0\n        version: 1.0.0(left@1.0.0)\n',
  'packages:\n',
  '  left@1.0.0:\n    resolution: {integrity: sha512-l}\n',
  '  vitest@1.0.0:\n    resolution: {integrity: sha512-v}\n',
  'snapshots:\n',
  '  vitest@1.0.0(left@1.0.0):\n    dependencies:\n      left: 1.0.0\n',
].join('\n');
const CARGO =
  '[package]\nname = "app"\nversion = "1.0.0"\n\n[dependencies]\nserde = "1"\n\n[[test]]\nname = "all"\n';
const PYPROJECT =
  '[project]\nname = "app"\ndependencies = [\n  "requests>=2",\n]\n\n[dependency-groups]\ndev = ["pytest>=8"]\n\n[tool.pytest.ini_options]\naddopts = "-q"\n';
const GO =
  'module example.com/app\n\ngo 1.22\n\nrequire (\n\tgithub.com/stretchr/testify v1.9.0\n\tgolang.org/x/text v0.1.0\n)\n';
const GO_TEST = 'func TestA(t *testing.T) {\n\tt.Fatal("x")\n}\n';
const CHECK = "const rules = require('./rules');\nrules.all();\n";

/** What is tried, the gate's line, the target, what the change makes of it, and what a person is shown. */
const ATTACKS: readonly [string, string, Files, Files, string][] = [
  [
    'a script behind a link',
    'sh check.sh',
    { 'check.sh': '-> ops/real.txt', 'ops/real.txt': 'npm test' },
    { 'ops/real.txt': 'true' },
    'script_changed check.sh (a link: check.sh leads to ops/real.txt)',
  ],
  [
    'a script behind a folder that is a link',
    'sh ci/check.sh',
    { ci: '-> ops/all', 'ops/all/check.sh': 'npm test' },
    { 'ops/all/check.sh': 'true' },
    'script_changed ci/check.sh (a link: ci leads to ops/all/check.sh)',
  ],
  [
    'a link that leads elsewhere now',
    'sh check.sh',
    { 'check.sh': '-> ops/real.sh', 'ops/real.sh': 'npm test', 'ops/none.sh': '' },
    { 'check.sh': '-> ops/none.sh' },
    'script_changed check.sh (a link: check.sh leads to ops/real.sh)',
  ],
  [
    'configuration behind a link',
    'npx mocha',
    { '.mocharc.json': '-> etc/m.txt', 'etc/m.txt': '{}' },
    { 'etc/m.txt': '{"spec":"none"}' },
    'configuration_changed .mocharc.json (a link: .mocharc.json leads to etc/m.txt)',
  ],
  [
    'dependencies that are a link',
    'npm test',
    NODE,
    { node_modules: '-> evil', 'evil/x.js': '' },
    'configuration_changed node_modules',
  ],
  [
    'configuration in a folder that is a link',
    'cargo test',
    { 'Cargo.toml': CARGO },
    { '.cargo': '-> evil', 'evil/config.toml': '[build]' },
    'configuration_changed .cargo/config.toml (a link: .cargo leads to evil/config.toml)',
  ],
  [
    'a script whose name is computed',
    'npm run $(node x.js)',
    { ...NODE, 'x.js': 'x' },
    node({ scripts: { test: 'vitest run', unit: 'node --test', lint: 'true' } }),
    'script_changed lint',
  ],
  [
    'what computes the name',
    'npm run $(node x.js)',
    { ...NODE, 'x.js': 'x' },
    { 'x.js': 'y' },
    'script_changed x.js',
  ],
  [
    'a computed file',
    'sh "$CHECK"',
    { 'ops/all.sh': 'npm test' },
    { 'ops/all.sh': 'true' },
    'script_changed ops/all.sh',
  ],
  [
    'a file in a computed folder',
    'sh ci/go.sh',
    { 'ci/go.sh': '. "$HERE/lib.sh"', 'ops/lib.sh': 'x' },
    { 'ops/lib.sh': '' },
    'script_changed ops/lib.sh',
  ],
  [
    'each of many',
    'for f in ops/*.sh; do sh "$f"; done',
    { 'ops/a.sh': 'x' },
    { 'ops/a.sh': '' },
    'script_changed ops/a.sh',
  ],
  [
    'a script of a package that a file calls',
    'sh all.sh',
    { ...NODE, 'all.sh': 'npm run unit\n' },
    node({ scripts: { test: 'vitest run', unit: 'true', lint: 'eslint .' } }),
    'script_changed unit',
  ],
  [
    'one that a program calls',
    'node ci/all.js',
    { ...NODE, 'ci/all.js': "spawnSync('npm', ['run', 'unit']);" },
    node({ scripts: { test: 'vitest run', unit: 'true', lint: 'eslint .' } }),
    'script_changed unit',
  ],
  [
    'a part that a script loads',
    'node ci/check.js',
    { 'ci/check.js': CHECK, 'ci/rules.js': 'x' },
    { 'ci/rules.js': '' },
    'script_changed ci/rules.js',
  ],
  [
    'a part of Python',
    'python3 ci/check.py',
    { 'ci/check.py': 'from rules import every\n', 'ci/rules.py': 'x' },
    { 'ci/rules.py': '' },
    'script_changed ci/rules.py',
  ],
  [
    'a script that a program starts',
    'node ci/all.js',
    { 'ci/all.js': "execSync('sh ci/deep/a.sh')", 'ci/deep/a.sh': 'x' },
    { 'ci/deep/a.sh': '' },
    'script_changed ci/deep/a.sh',
  ],
  [
    'a module in place of another',
    'python3 ci/check.py',
    { 'ci/check.py': 'import json\n' },
    { 'ci/json.py': '' },
    'script_changed ci/json.py',
  ],
  [
    'a module of the standard library',
    'python3 -m unittest',
    { 'a.py': '' },
    { 'traceback.py': '' },
    'configuration_changed traceback.py',
  ],
  [
    'a file that is taken first',
    'node ci/check',
    { 'ci/check.js': 'x' },
    { 'ci/check': '' },
    'script_changed ci/check',
  ],
  [
    'a program that is found first',
    'PATH="$PWD/ops:$PATH" node --test',
    { 'ops/jq': 'x' },
    { 'ops/jq': 'y' },
    'script_changed ops/jq',
  ],
  [
    'what a makefile includes',
    'make test',
    { Makefile: 'include ci/all.inc\ntest: all\n', 'ci/all.inc': 'all:\n\tnode --test\n' },
    { 'ci/all.inc': 'all:\n' },
    'script_changed ci/all.inc',
  ],
  [
    'what a nested makefile runs',
    'make -C sub test',
    { 'sub/Makefile': 'test:\n\t./t.sh\n', 'sub/t.sh': 'x' },
    { 'sub/t.sh': '' },
    'script_changed sub/t.sh',
  ],
  [
    'what just runs',
    'just test',
    { justfile: 'test:\n  @./ops/t.sh\n', 'ops/t.sh': 'x' },
    { 'ops/t.sh': '' },
    'script_changed ops/t.sh',
  ],
  [
    'what task runs',
    'task test',
    { 'Taskfile.yml': 'tasks:\n  test:\n    cmds:\n      - ./ops/t.sh\n', 'ops/t.sh': 'x' },
    { 'ops/t.sh': '' },
    'script_changed ops/t.sh',
  ],
  [
    'what tox runs',
    'tox',
    { 'tox.ini': '[testenv]\ncommands =\n  sh ops/t.sh\n', 'ops/t.sh': 'x' },
    { 'ops/t.sh': '' },
    'script_changed ops/t.sh',
  ],
  [
    'what configuration of a runner loads',
    'npx vitest run',
    {
      'vitest.config.ts': "export default { test: { setupFiles: ['./ops/first.ts'] } }",
      'ops/first.ts': 'x',
    },
    { 'ops/first.ts': 'y' },
    'script_changed ops/first.ts',
  ],
  [
    'a reporter in the manifest',
    'npm test',
    { ...node({ jest: { reporters: ['<rootDir>/ops/say.js'] } }), 'ops/say.js': 'x' },
    { 'ops/say.js': 'y' },
    'script_changed ops/say.js',
  ],
  [
    'what tsconfig extends',
    'npx tsc',
    { 'tsconfig.json': '{"extends":"./etc/base"}', 'etc/base.json': '{"strict":true}' },
    { 'etc/base.json': '{}' },
    'script_changed etc/base.json',
  ],
  [
    'a plugin of pytest',
    'pytest',
    { 'pytest.ini': '[pytest]\naddopts = -p ops.plugin\n', 'ops/plugin.py': 'x' },
    { 'ops/plugin.py': '' },
    'script_changed ops/plugin.py',
  ],
  [
    'old options of mocha',
    'npx mocha',
    { 'test/mocha.opts': 'x' },
    { 'test/mocha.opts': '--dry-run' },
    'configuration_changed test/mocha.opts',
  ],
  [
    'a runner of cargo in a new folder',
    'cargo test',
    { 'Cargo.toml': CARGO },
    { '.cargo/config.toml': '[target.x]\nrunner = "true"' },
    'configuration_changed .cargo/config.toml',
  ],
  [
    'tests that Cargo leaves out',
    'cargo test',
    { 'Cargo.toml': CARGO },
    { 'Cargo.toml': `${CARGO}test = false\n` },
    'configuration_changed Cargo.toml',
  ],
  [
    'a test dependency by path',
    'cargo test',
    { 'Cargo.toml': CARGO },
    { 'Cargo.toml': `${CARGO}\n[dev-dependencies]\nfake = { path = "fake" }\n` },
    'configuration_changed Cargo.toml',
  ],
  [
    'options of pytest',
    'pytest',
    { 'pyproject.toml': PYPROJECT },
    { 'pyproject.toml': PYPROJECT.replace('-q', '--co') },
    'configuration_changed pyproject.toml',
  ],
  [
    'pytest from a folder',
    'pytest',
    { 'pyproject.toml': PYPROJECT },
    { 'pyproject.toml': PYPROJECT.replace('pytest>=8', 'pytest @ file:///x') },
    'configuration_changed pyproject.toml',
  ],
  [
    'another index of packages',
    'pytest',
    { 'requirements.txt': 'six==1\n' },
    { 'requirements.txt': '--index-url https://evil.example\nsix==1\n' },
    'configuration_changed requirements.txt',
  ],
  [
    'another pytest',
    'pytest',
    { 'requirements.txt': 'pytest==8\n' },
    { 'requirements.txt': 'pytest==2\n' },
    'configuration_changed requirements.txt',
  ],
  [
    'a module replaced',
    'go test ./...',
    { 'go.mod': GO },
    { 'go.mod': `${GO}replace github.com/stretchr/testify => ./fake\n` },
    'configuration_changed go.mod',
  ],
  [
    'a tool of go',
    'go test ./...',
    { 'go.mod': GO },
    { 'go.mod': `${GO}tool example.com/x\n` },
    'configuration_changed go.mod',
  ],
  [
    'vendored asserts',
    'go test ./...',
    { 'vendor/github.com/stretchr/testify/a.go': 'x' },
    { 'vendor/github.com/stretchr/testify/a.go': '' },
    'configuration_changed vendor/github.com/stretchr/testify/a.go',
  ],
  [
    'another version of the runner',
    'npm test',
    NODE,
    node({ devDependencies: { vitest: '^0.1.0', eslint: '^9.0.0' } }),
    'configuration_changed package.json: devDependencies.vitest',
  ],
  [
    'another package in its name',
    'npm test',
    NODE,
    node({ devDependencies: { vitest: 'npm:evil@1', eslint: '^9.0.0' } }),
    'configuration_changed package.json: devDependencies.vitest',
  ],
  [
    'a dependency from a folder',
    'npm test',
    NODE,
    node({ dependencies: { left: 'file:./evil' } }),
    'configuration_changed package.json: dependencies.left',
  ],
  [
    'overrides',
    'npm test',
    NODE,
    node({ overrides: { left: '2' } }),
    'configuration_changed package.json: overrides',
  ],
  [
    'the name of what asserts',
    'npm test',
    node({ devDependencies: { chai: '4' } }),
    node({ name: 'chai', devDependencies: { chai: '4' } }),
    'configuration_changed package.json: name',
  ],
  [
    'a program of the runner',
    'npm test',
    NODE,
    node({ bin: { vitest: 'x.js' } }),
    'configuration_changed package.json: bin',
  ],
  [
    'the runner in the lock file alone',
    'npm test',
    NODE,
    { 'package-lock.json': lock({ 'node_modules/vitest': entry('evil', '1.0.0') }) },
    'configuration_changed package-lock.json: vitest',
  ],
  [
    'a part of the runner that is a link',
    'npm test',
    NODE,
    { 'package-lock.json': lock({ 'node_modules/@vitest/runner': { resolved: 'x', link: true } }) },
    'configuration_changed package-lock.json: @vitest/runner',
  ],
  [
    'a package from another host',
    'npm test',
    NODE,
    {
      'package-lock.json': lock({
        'node_modules/new': { version: '1.0.0', resolved: 'https://evil.example/new.tgz' },
      }),
    },
    'configuration_changed package-lock.json: new',
  ],
  [
    'another package in the place of a known one',
    'npm test',
    NODE,
    { 'package-lock.json': lock({ 'node_modules/left': entry('evil', '1.0.0') }) },
    'configuration_changed package-lock.json: left',
  ],
  [
    'a lock file that cannot be read',
    'npm test',
    NODE,
    { 'package-lock.json': '{' },
    'configuration_changed package-lock.json',
  ],
  [
    'the runner in the lock file of Yarn',
    'yarn test',
    { 'yarn.lock': YARN },
    { 'yarn.lock': YARN.replace('vitest/-/vitest-1', 'evil/-/evil-1') },
    'configuration_changed yarn.lock: vitest',
  ],
  [
    'the runner in the lock file of pnpm',
    'pnpm test',
    { 'pnpm-lock.yaml': PNPM },
    { 'pnpm-lock.yaml': PNPM.replace('version: 1.0.0(left@1.0.0)', 'version: link:evil') },
    'configuration_changed pnpm-lock.yaml: vitest',
  ],
  [
    'a patch of the runner',
    'npm test',
    NODE,
    { 'patches/vitest+1.0.0.patch': 'x' },
    'configuration_changed patches/vitest+1.0.0.patch',
  ],
  ['hooks of pnpm', 'pnpm test', NODE, { '.pnpmfile.mjs': 'x' }, 'configuration_changed .pnpmfile.mjs'],
  [
    'another registry',
    'npm test',
    NODE,
    { '.npmrc': 'registry=https://evil.example' },
    'configuration_changed .npmrc',
  ],
  [
    'settings of Yarn',
    'yarn test',
    NODE,
    { '.yarnrc.yml': 'yarnPath: x' },
    'configuration_changed .yarnrc.yml',
  ],
  [
    'a dependency in a build file',
    'mvn test',
    { 'pom.xml': '<p><dependency><artifactId>junit</artifactId><version>4</version></dependency></p>' },
    { 'pom.xml': '<p></p>' },
    'configuration_changed pom.xml',
  ],
  [
    'a test moved to where go looks for none',
    'go test ./...',
    { 'a_test.go': GO_TEST },
    { 'a_test.go': '', 'testdata/a_test.go': GO_TEST },
    'test_deleted a_test.go',
  ],
  [
    'a test for another system',
    'go test ./...',
    { 'a_test.go': GO_TEST },
    { 'a_test.go': '', 'a_windows_test.go': GO_TEST },
    'test_deleted a_test.go',
  ],
  [
    'a test that is not compiled',
    'go test ./...',
    { 'a_test.go': GO_TEST },
    { 'a_test.go': `//go:build never\n\n${GO_TEST}` },
    'test_reduced a_test.go',
  ],
  [
    'a test program that ends early',
    'node test.js',
    { 'test.js': 'assert.equal(1, 1);\n' },
    { 'test.js': 'process.exit(0);\nassert.equal(1, 1);\n' },
    'script_changed test.js',
  ],
  [
    'a harness that says yes',
    'node test/run.js',
    { 'test/run.js': 'process.exit(failures);\n' },
    { 'test/run.js': 'process.exit(0);\n' },
    'script_changed test/run.js',
  ],
];

/** In this table an empty text says that the file is gone, where the target has a test there. */
const changed = (was: Files, is: Files): Files =>
  Object.fromEntries(
    Object.entries({ ...was, ...is }).filter(([path, text]) => !(text === '' && path.endsWith('_test.go'))),
  );

test.each(ATTACKS)('%s needs a person (`%s`)', async (...[, line, was, is, shown]) => {
  const all = await weakened(line, was, changed(was, is));
  expect(all).toContain(shown);
  expect(all.filter((one) => one.startsWith('absent'))).toEqual([]);
});

const EVERYDAY: readonly [string, string, Files, Files][] = [
  [
    'code beside links',
    'sh check.sh',
    { 'check.sh': '-> ops/real.sh', 'ops/real.sh': 'x', 'src/a.js': '1' },
    { 'src/a.js': '2', 'src/b.js': '-> a.js' },
  ],
  [
    'links in a circle',
    'sh check.sh',
    { a: '-> b', b: '-> a', c: '-> .', 'src/a.js': '1' },
    { 'src/a.js': '2' },
  ],
  [
    'the product that a script loads',
    'node ci/check.js',
    { 'ci/check.js': "require('../src/a.js')", 'src/a.js': '1' },
    { 'src/a.js': '2' },
  ],
  [
    'the product that a test program loads',
    'node test.js',
    { 'test.js': "require('./sum');\nassert.equal(1, 1);\n", 'sum.js': '1' },
    { 'sum.js': '2' },
  ],
  [
    'more tests in a test program',
    'node test.js',
    { 'test.js': 'assert.equal(1, 1);\n' },
    { 'test.js': 'assert.equal(1, 1);\nassert.equal(2, 2);\n' },
  ],
  [
    'a script that calls a known one by a variable',
    'sh all.sh',
    { 'all.sh': '$PYTHON -m pytest\nexec "$@"\n', 'scripts/demo.sh': 'x', 'a.py': '1' },
    { 'scripts/demo.sh': 'y', 'a.py': '2' },
  ],
  [
    'entries of a bundler',
    'npx vite build',
    { 'vite.config.ts': "export default { build: { lib: { entry: 'main.ts' } } }", 'main.ts': '1' },
    { 'main.ts': '2' },
  ],
  [
    'files of tsconfig',
    'npx tsc',
    { 'tsconfig.json': '{"files":["main.ts"]}', 'main.ts': '1' },
    { 'main.ts': '2' },
  ],
  [
    'a new dependency',
    'npm test',
    NODE,
    {
      ...node({ dependencies: { left: '^1.0.0', right: '^1.0.0' } }),
      'package-lock.json': lock({
        'node_modules/right': entry('right', '1.0.0'),
        'node_modules/right/node_modules/vitest': entry('vitest', '2.0.0'),
        'node_modules/right-cjs': entry('right', '1.0.0', { name: 'right' }),
      }),
    },
  ],
  [
    'another version of a dependency',
    'npm test',
    NODE,
    {
      ...node({ dependencies: { left: '^2.0.0' } }),
      'package-lock.json': lock({ 'node_modules/left': entry('left', '2.0.0') }),
    },
  ],
  [
    'a dependency that goes',
    'npm test',
    NODE,
    {
      ...node({ dependencies: {} }),
      'package-lock.json': json({ packages: { ...PACKAGES, 'node_modules/left': undefined } }),
    },
  ],
  [
    'a new member of the workspace',
    'npm test',
    NODE,
    {
      'packages/x/package.json': '{"name":"x"}',
      'package-lock.json': lock({
        'node_modules/x': { resolved: 'packages/x', link: true },
        'packages/x': { name: 'x' },
      }),
    },
  ],
  [
    'what the package says of itself',
    'npm test',
    NODE,
    node({ version: '2.0.0', description: 'x', bin: { app: 'x.js' }, main: 'x.js' }),
  ],
  [
    'a dependency in the lock file of Yarn',
    'yarn test',
    { 'yarn.lock': YARN },
    {
      'yarn.lock': `${YARN.replace('left@^1.0.0:', 'left@^1.0.0, left@^1.0.1:').replace('"vitest@^1.0.0":', '"vitest@^1.0.0", "vitest@^1.0.1":')}\nright@^1:\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/right/-/right-1.0.0.tgz#1"\n`,
    },
  ],
  [
    'a dependency in the lock file of pnpm',
    'pnpm test',
    { 'pnpm-lock.yaml': PNPM },
    {
      'pnpm-lock.yaml': PNPM.replaceAll('(left@1.0.0)', '(left@1.0.0)(right@1.0.0)').replace(
        '  left@1.0.0:\n',
        '  right@1.0.0:\n    resolution: {integrity: sha512-r}\n\n  left@1.0.0:\n',
      ),
    },
  ],
  [
    'a crate',
    'cargo test',
    { 'Cargo.toml': CARGO, 'Cargo.lock': '' },
    {
      'Cargo.toml': CARGO.replace(
        'serde = "1"',
        'serde = { version = "1", features = ["derive"] }\nrand = "0.8"',
      ).replace('1.0.0', '1.1.0'),
      'Cargo.lock':
        '[[package]]\nname = "rand"\nversion = "0.8.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "x"\n',
    },
  ],
  [
    'a module',
    'go test ./...',
    { 'go.mod': GO, 'go.sum': 'a' },
    {
      'go.mod': GO.replace('text v0.1.0', 'text v0.2.0\n\tgithub.com/x/y v1.0.0 // indirect').replace(
        '1.22',
        '1.23',
      ),
      'go.sum': 'b',
    },
  ],
  [
    'a package of Python',
    'pytest',
    { 'pyproject.toml': PYPROJECT },
    {
      'pyproject.toml': PYPROJECT.replace('"requests>=2",', '"requests>=3",\n  "six",').replace(
        '"app"',
        '"app"\nversion = "2"',
      ),
    },
  ],
  [
    'a requirement',
    'pytest',
    { 'requirements.txt': 'pytest==8\nsix==1\n' },
    { 'requirements.txt': 'pytest==8\nsix==2 \\\n  --hash=sha256:00\nattrs # new\n' },
  ],
  [
    'a dependency in setup.py',
    'pytest',
    { 'setup.py': "setup(install_requires=[\n  'six',\n])\n" },
    { 'setup.py': "setup(install_requires=[\n  'six',\n  'attrs>=1',\n])\n" },
  ],
  [
    'a dependency of Maven',
    'mvn test',
    { 'pom.xml': '<p>\n</p>' },
    { 'pom.xml': '<p>\n<dependency><groupId>com.x</groupId><artifactId>y</artifactId></dependency>\n</p>' },
  ],
  [
    'a dependency of Gradle',
    'gradle test',
    { 'build.gradle': 'plugins {}\n' },
    { 'build.gradle': "plugins {}\nimplementation 'com.x:y:1'\n" },
  ],
  ['a gem', 'rspec', { Gemfile: "gem 'rails'\n" }, { Gemfile: "gem 'rails', '~> 7'\ngem 'pg'\n" }],
  [
    'a test of its own folder',
    'npx jest',
    NODE,
    { 'src/__tests__/b.test.js': "test('x', () => expect(1).toBe(1));" },
  ],
  [
    'a module named like a folder of tests',
    'python3 -m unittest',
    { 'app/a.py': '1' },
    { 'app/json.py': '', 'app/types.py': '' },
  ],
  ['words of package scripts in a file of the product', 'npm test', NODE, { 'src/a.js': "run('npm test')" }],
];

test.each(EVERYDAY)('%s waits for nobody (`%s`)', async (_, line, was, is) => {
  expect(await weakened(line, was, { ...was, ...is })).toEqual([]);
});

const scripts = (own: object): string => json({ name: 'app', scripts: own });
const TEST = "test('a', () => assert(1));";
const SUB: Files = { 'sub/package.json': scripts({ test: 'node t.js', lint: 'node l.js' }), 'sub/l.js': '1' };

/** Each way to come to a package in a folder, and what the change makes of it. */
test.each<[string, string, Files]>([
  ['a script', 'npm test', { 'package.json': scripts({ test: 'cd sub && npm test' }) }],
  ['an option', 'npm test', { 'package.json': scripts({ test: 'npm --prefix sub test' }) }],
  ['a value', 'npm test', { 'package.json': scripts({ test: 'npm --prefix=sub test' }) }],
  ['make', 'make check', { Makefile: 'check:\n\tcd sub && npm test && npm run lint\n' }],
  ['a shell script', './c.sh', { 'c.sh': 'cd sub\nnpm run lint\nnpm test\n' }],
  [
    'two hops',
    'npm test',
    { 'package.json': scripts({ test: 'make t' }), Makefile: 't:\n\tcd sub; npm test\n' },
  ],
])('a package that is entered by %s judges with its scripts', async (_, line, files) => {
  const was = { ...files, ...SUB };
  const is = { ...was, 'sub/package.json': scripts({ test: 'true', lint: 'true' }) };
  expect(await weakened(line, was, is)).toEqual(['script_changed sub/package.json']);
});

test('what the scripts of such a package run judges, too', async () => {
  const was = { 'c.sh': 'cd sub\nnpm run lint\n', ...SUB };
  expect(await weakened('./c.sh', was, { ...was, 'sub/l.js': '2' })).toEqual(['script_changed sub/l.js']);
});

test.each<[string, Files, Files, string[]]>([
  ['out of what the gate runs', { 'test/a.test.js': TEST }, { 'other/a.test.js': TEST }, ['a']],
  ['within it', { 'test/a.test.js': TEST }, { 'test/z.test.js': TEST }, []],
  [
    'as one copy of two',
    { 'test/a.test.js': TEST, 'test/b.test.js': TEST },
    { 'test/z.test.js': TEST },
    ['b'],
  ],
])('a test that moves %s', async (_, was, is, lost) => {
  const names = lost.map((name) => `test_deleted test/${name}.test.js`);
  expect(await weakened('node --test test/*.test.js', was, is)).toEqual(names);
});
