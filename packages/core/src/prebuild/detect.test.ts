import { expect, test } from 'vitest';
import { detectSetup } from './plan.ts';

const runs = (...paths: string[]) => detectSetup('app', new Set(paths)).map(({ run }) => run);

test.each([
  [['package.json', 'package-lock.json'], 'npm ci'],
  [['package.json', 'npm-shrinkwrap.json'], 'npm ci'],
  [['package.json', 'pnpm-lock.yaml', 'package-lock.json'], 'pnpm install --frozen-lockfile'],
  [['package.json', 'yarn.lock'], 'yarn install --frozen-lockfile'],
  [['package.json', 'yarn.lock', '.yarnrc.yml'], 'yarn install --immutable'],
  [['Cargo.toml', 'Cargo.lock'], 'cargo fetch --locked'],
  [['go.mod', 'go.sum'], 'go mod download'],
  [['uv.lock', 'requirements.txt'], 'uv sync --frozen'],
  [['poetry.lock'], 'POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction'],
  [
    ['requirements.txt', 'requirements-dev.txt'],
    'python3 -I -m venv .venv && .venv/bin/python -I -m pip install -r requirements.txt -r requirements-dev.txt',
  ],
])('%j is set up by %s', (paths, run) => {
  expect(runs(...paths)).toEqual([run]);
});

test('without a lock file at the root there is nothing to do', () => {
  expect(runs('package.json', 'src/index.js')).toEqual([]);
  expect(runs('tools/package.json', 'tools/package-lock.json', 'package-lock.json')).toEqual([]);
  expect(runs('Cargo.toml', 'go.mod', 'pyproject.toml')).toEqual([]);
});

test('several languages are set up one after the other, each in its repository', () => {
  expect(detectSetup('site', new Set(['package.json', 'package-lock.json', 'go.sum']))).toEqual([
    { repository: 'site', run: 'npm ci' },
    { repository: 'site', run: 'go mod download' },
  ]);
});
