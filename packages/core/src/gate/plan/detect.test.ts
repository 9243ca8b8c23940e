import { describe, expect, test } from 'vitest';
import { detectCommands } from './detect.ts';

const runs = (files: Record<string, string>, profile: 'minimal' | 'standard' = 'standard') =>
  detectCommands({ repository: 'app', paths: new Set(Object.keys(files)), texts: files }, profile).map(
    (command) => `${command.name}: ${command.run}`,
  );

const manifest = (scripts: Record<string, string>) => JSON.stringify({ scripts });

/** The environment that a set-up made comes first. */
const PYTHON = 'PATH="$PWD/.venv/bin:$PATH" python3';

describe('node', () => {
  const scripts = manifest({
    test: 'vitest',
    lint: 'biome lint',
    build: 'tsc',
    'type-check': 'tsc --noEmit',
  });

  test.each([
    ['package-lock.json', 'npm'],
    ['pnpm-lock.yaml', 'pnpm'],
    ['yarn.lock', 'yarn'],
  ])('%s makes %s run the scripts', (lock, tool) => {
    expect(runs({ 'package.json': scripts, [lock]: '' })).toEqual([
      `${tool}-typecheck: ${tool} run type-check`,
      `${tool}-lint: ${tool} run lint`,
      `${tool}-build: ${tool} run build`,
      `${tool}-test: ${tool} run test`,
    ]);
  });

  test('minimal is the tests alone', () => {
    expect(runs({ 'package.json': scripts }, 'minimal')).toEqual(['npm-test: npm run test']);
  });

  test('the script that npm writes for a new package is no test', () => {
    expect(runs({ 'package.json': manifest({ test: 'echo "Error: no test specified" && exit 1' }) })).toEqual(
      [],
    );
  });

  test.each(['{', '[]', '{"scripts": 3}', '{"scripts": {"test": 1}}'])(
    'the unreadable manifest %s gives nothing',
    (text) => {
      expect(runs({ 'package.json': text })).toEqual([]);
    },
  );
});

describe('members of a node workspace', () => {
  const member = (name: string, scripts: Record<string, string>) => JSON.stringify({ name, scripts });
  const packages = {
    'packages/a/package.json': member('@shop/a', { test: 'vitest', build: 'tsc' }),
    'packages/b/package.json': member('@shop/b', { test: 'echo "Error: no test specified" && exit 1' }),
    'apps/web/site/package.json': member('site', { test: 'vitest' }),
    'packages/a/fixtures/package.json': member('fixture', { lint: 'eslint' }),
  };
  const root = (workspaces: unknown, scripts = {}) => JSON.stringify({ workspaces, scripts });

  test('their scripts are run where the root has none', () => {
    expect(runs({ ...packages, 'package.json': root(['packages/*', 'apps/**']) })).toEqual([
      'npm-build: npm run build --workspaces --if-present',
      'npm-test: npm run test --workspaces --if-present',
    ]);
    expect(runs({ ...packages, 'package.json': root(['packages/*'], { test: 'turbo test' }) })).toEqual([
      'npm-build: npm run build --workspaces --if-present',
      'npm-test: npm run test',
    ]);
  });

  test('pnpm names its members in a file of its own', () => {
    const list = "packages:\n  # ours\n  - 'packages/*'\n  - '!packages/b'\ncatalog:\n  - apps/**\n";
    const files = { ...packages, 'package.json': '{}', 'pnpm-lock.yaml': '', 'pnpm-workspace.yaml': list };
    expect(runs(files)).toEqual([
      'pnpm-build: pnpm --recursive run build',
      'pnpm-test: pnpm --recursive run test',
    ]);
  });

  test('yarn runs those that have the script, by name', () => {
    const files = {
      ...packages,
      'yarn.lock': '',
      'package.json': root({ packages: ['packages/*', 'apps/*/site'] }),
    };
    expect(runs(files, 'minimal')).toEqual([
      'yarn-test: yarn workspace site run test && yarn workspace @shop/a run test',
    ]);
    expect(runs({ ...files, 'packages/a/package.json': member('$(id)', { test: 'x' }) }, 'minimal')).toEqual(
      [],
    );
  });

  test('a package that is no member is not asked, nor is one that nobody has a script in', () => {
    expect(runs({ ...packages, 'package.json': root(['packages/b', 'packages/c.*']) })).toEqual([]);
    expect(runs({ ...packages, 'package.json': root('all') })).toEqual([]);
  });
});

describe('other languages', () => {
  test('cargo, with clippy only where it is configured', () => {
    expect(runs({ 'Cargo.toml': '' })).toEqual([
      'cargo-typecheck: cargo check --all-targets',
      'cargo-test: cargo test',
    ]);
    expect(runs({ 'Cargo.toml': '', 'clippy.toml': '' })).toContain(
      'cargo-lint: cargo clippy --all-targets -- -D warnings',
    );
    expect(runs({ 'Cargo.toml': '[package]\n[workspace]\n' }, 'minimal')).toEqual([
      'cargo-test: cargo test --workspace',
    ]);
  });

  test('go', () => {
    expect(runs({ 'go.mod': '' })).toEqual([
      'go-lint: go vet ./...',
      'go-build: go build ./...',
      'go-test: go test -v ./...',
    ]);
  });

  test.each([
    [{ 'pytest.ini': '' }],
    [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }],
    [{ 'setup.cfg': '[tool:pytest]\n' }],
    [{ 'requirements-dev.txt': 'pytest==8.0\n' }],
    [{ 'pyproject.toml': '[dependency-groups]\ndev = ["pytest>=8"]\n' }],
    [{ 'pyproject.toml': '[tool.poetry.group.dev.dependencies]\npytest = "^8"\n' }],
    [{ 'tox.ini': '[testenv]\ncommands = pytest {posargs}\n' }],
  ])('pytest where it is configured or required: %o', (files) => {
    expect(runs(files)).toEqual([`python-test: ${PYTHON} -m pytest -q -rap`]);
  });

  const unittest = (argv: string) =>
    `python-test: ${PYTHON} -c "import sys, unittest; r = unittest.main(None, argv=['', ${argv}], exit=False, verbosity=2).result; sys.exit(not r.wasSuccessful() or not r.testsRun and 'no tests ran')"`;

  test('unittest where only test files lie about', () => {
    expect(runs({ 'tests/test_a.py': '' })).toEqual([unittest("'discover', '-s', 'tests'")]);
    expect(runs({ 'tests/__init__.py': '', 'tests/test_a.py': '' })).toEqual([unittest("'discover'")]);
    expect(runs({ 'test_a.py': '' })).toEqual([unittest("'discover'")]);
    expect(runs({ 'testing.py': '' })).toEqual([]);
  });

  test('ruff and mypy when configured', () => {
    expect(runs({ 'pyproject.toml': '[tool.ruff]\n[tool.mypy]\n', 'test_a.py': '' })).toEqual([
      `python-typecheck: ${PYTHON} -m mypy .`,
      `python-lint: ${PYTHON} -m ruff check .`,
      unittest("'discover'"),
    ]);
  });

  test('make only where nothing else is found, by its real targets', () => {
    const makefile = 'CC := gcc\nbuild: a.o\n\ttest -f a.o\ncheck:\n\t./a\n';
    expect(runs({ Makefile: makefile })).toEqual(['make-build: make build', 'make-test: make check']);
    expect(runs({ Makefile: makefile, 'go.mod': '' })).not.toContain('make-build: make build');
    expect(runs({ Makefile: 'all lint test: a\n', makefile })).toEqual([
      'make-build: make build',
      'make-test: make check',
    ]);
  });

  test('make for the tests that no other tool has', () => {
    const makefile = 'lint:\ntest:\n';
    expect(runs({ Makefile: makefile, 'package.json': manifest({ lint: 'prettier' }) })).toEqual([
      'npm-lint: npm run lint',
      'make-test: make test',
    ]);
  });

  test('several languages at once', () => {
    expect(runs({ 'package.json': manifest({ test: 'x' }), 'go.mod': '' }, 'minimal')).toEqual([
      'npm-test: npm run test',
      'go-test: go test -v ./...',
    ]);
  });

  test('nothing known: nothing offered', () => {
    expect(runs({ 'README.md': '' })).toEqual([]);
  });
});
