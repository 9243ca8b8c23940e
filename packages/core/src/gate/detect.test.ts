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

describe('other languages', () => {
  test('cargo, with clippy only where it is configured', () => {
    expect(runs({ 'Cargo.toml': '' })).toEqual([
      'cargo-typecheck: cargo check --all-targets',
      'cargo-test: cargo test',
    ]);
    expect(runs({ 'Cargo.toml': '', 'clippy.toml': '' })).toContain(
      'cargo-lint: cargo clippy --all-targets -- -D warnings',
    );
  });

  test('go', () => {
    expect(runs({ 'go.mod': '' })).toEqual([
      'go-lint: go vet ./...',
      'go-build: go build ./...',
      'go-test: go test ./...',
    ]);
  });

  test.each([
    [{ 'pytest.ini': '' }],
    [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }],
    [{ 'setup.cfg': '[tool:pytest]\n' }],
    [{ 'requirements-dev.txt': 'pytest==8.0\n' }],
    [{ 'pyproject.toml': '[dependency-groups]\ndev = ["pytest>=8"]\n' }],
  ])('pytest where it is configured or required: %o', (files) => {
    expect(runs(files)).toEqual([`python-test: ${PYTHON} -m pytest -q`]);
  });

  test('unittest where only test files lie about', () => {
    expect(runs({ 'tests/test_a.py': '' })).toEqual([`python-test: ${PYTHON} -m unittest discover -s tests`]);
    expect(runs({ 'tests/__init__.py': '', 'tests/test_a.py': '' })).toEqual([
      `python-test: ${PYTHON} -m unittest discover`,
    ]);
    expect(runs({ 'test_a.py': '' })).toEqual([`python-test: ${PYTHON} -m unittest discover`]);
  });

  test('ruff and mypy when configured', () => {
    expect(runs({ 'pyproject.toml': '[tool.ruff]\n[tool.mypy]\n', 'test_a.py': '' })).toEqual([
      `python-typecheck: ${PYTHON} -m mypy .`,
      `python-lint: ${PYTHON} -m ruff check .`,
      `python-test: ${PYTHON} -m unittest discover`,
    ]);
  });

  test('make only where nothing else is found, by its real targets', () => {
    const makefile = 'CC := gcc\nbuild: a.o\n\ttest -f a.o\ncheck:\n\t./a\n';
    expect(runs({ Makefile: makefile })).toEqual(['make-build: make build', 'make-test: make check']);
    expect(runs({ Makefile: makefile, 'go.mod': '' })).not.toContain('make-build: make build');
  });

  test('several languages at once', () => {
    expect(runs({ 'package.json': manifest({ test: 'x' }), 'go.mod': '' }, 'minimal')).toEqual([
      'npm-test: npm run test',
      'go-test: go test ./...',
    ]);
  });

  test('nothing known: nothing offered', () => {
    expect(runs({ 'README.md': '' })).toEqual([]);
  });
});
