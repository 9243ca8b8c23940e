/**
 * Python: pytest, ruff and mypy if configured, and the standard library's unittest if there are test files.
 */
import type { Detected, RepositoryFiles } from '../repository/path-index.ts';

/**
 * The virtual environment that the set-up created in the repository, if any; otherwise the system's Python.
 */
const PYTHON = 'PATH="$PWD/.venv/bin:$PATH" python3';

export const detectPython = (files: RepositoryFiles): Detected[] => [
  ...(configures(files, 'mypy', ['mypy.ini', '.mypy.ini'])
    ? [{ tool: 'python', kind: 'typecheck', run: `${PYTHON} -m mypy .` } as const]
    : []),
  ...(configures(files, 'ruff', ['ruff.toml', '.ruff.toml'])
    ? [{ tool: 'python', kind: 'lint', run: `${PYTHON} -m ruff check .` } as const]
    : []),
  ...testsOf(files),
];

const testsOf = (files: RepositoryFiles): Detected[] => {
  const test = (run: string): Detected[] => [{ tool: 'python', kind: 'test', run }];
  const pytest = configures(files, 'pytest', ['pytest.ini', 'conftest.py', 'tests/conftest.py']);
  // Quiet, but still lists each test.
  if (pytest || requires(files, 'pytest')) return test(`${PYTHON} -m pytest -q -rap`);
  const tests = [...files.paths].filter((path) => /(^|\/)(test_[^/]*|tests?)\.py$/.test(path));
  if (tests.length === 0) return [];
  const folder = tests.some((path) => path.startsWith('tests/')) && !files.paths.has('tests/__init__.py');
  return test(`${PYTHON} -c "${discover(folder ? "'discover', '-s', 'tests'" : "'discover'")}"`);
};

/**
 * Lists each test. Before Python 3.12, unittest exits successfully even if it finds no tests, such as those
 * written for another runner.
 */
const discover = (argv: string): string =>
  `import sys, unittest; r = unittest.main(None, argv=['', ${argv}], exit=False, verbosity=2).result; sys.exit(not r.wasSuccessful() or not r.testsRun and 'no tests ran')`;

/** The tool has a configuration file of its own, or a section in a shared one. */
const configures = ({ paths, texts }: RepositoryFiles, tool: string, own: readonly string[]): boolean =>
  own.some((path) => paths.has(path)) ||
  new RegExp(`^\\[tool\\.${tool}\\b`, 'm').test(texts['pyproject.toml'] ?? '') ||
  ['setup.cfg', 'tox.ini'].some((path) => new RegExp(`^\\[(tool:)?${tool}\\b`, 'm').test(texts[path] ?? ''));

/** On a line of its own, as in requirements files, tox and poetry, or as a string in a list. */
const requires = ({ texts }: RepositoryFiles, name: string): boolean =>
  ['requirements.txt', 'requirements-dev.txt', 'setup.cfg', 'tox.ini', 'pyproject.toml'].some((path) =>
    new RegExp(`^[ \\t]*((deps|commands)[ \\t]*=[ \\t]*)?${name}\\b`, 'm').test(texts[path] ?? ''),
  ) || new RegExp(`["']${name}\\b`).test(texts['pyproject.toml'] ?? '');
