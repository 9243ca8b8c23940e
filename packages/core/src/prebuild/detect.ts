/**
 * Which commands bring in what a repository depends on, read off the lock files at its root. Pure, like the detection
 * of gates: what a commit holds goes in, commands come out.
 *
 * Only lock files count (and Python's lists of requirements): they say exactly what to install, and they are what a
 * prepared layer is found by. Where there is none, nothing is guessed.
 */
import type { SetupCommand } from '../setup-plan.ts';

type Paths = ReadonlySet<string>;

export const detectSetup = (repository: string, paths: Paths): SetupCommand[] =>
  [node(paths), cargo(paths), go(paths), python(paths)].flatMap((run) =>
    run === undefined ? [] : [{ repository, run }],
  );

const node = (paths: Paths): string | undefined => {
  if (!paths.has('package.json')) return undefined;
  if (paths.has('pnpm-lock.yaml')) return 'pnpm install --frozen-lockfile';
  // Yarn renamed the option when it got a configuration file of its own.
  if (paths.has('yarn.lock'))
    return paths.has('.yarnrc.yml') ? 'yarn install --immutable' : 'yarn install --frozen-lockfile';
  return paths.has('package-lock.json') || paths.has('npm-shrinkwrap.json') ? 'npm ci' : undefined;
};

const cargo = (paths: Paths): string | undefined =>
  paths.has('Cargo.lock') ? 'cargo fetch --locked' : undefined;

const go = (paths: Paths): string | undefined => (paths.has('go.sum') ? 'go mod download' : undefined);

/**
 * Into `.venv`, where the commands of a detected gate look first: the system's own Python refuses to be added to.
 * Isolated (`-I`), because Python would otherwise take modules of its own from the repository's folder.
 */
const python = (paths: Paths): string | undefined => {
  if (paths.has('uv.lock')) return 'uv sync --frozen';
  if (paths.has('poetry.lock')) return 'POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction';
  const lists = ['requirements.txt', 'requirements-dev.txt'].filter((name) => paths.has(name));
  if (lists.length === 0) return undefined;
  const named = lists.map((name) => `-r ${name}`).join(' ');
  return `python3 -I -m venv .venv && .venv/bin/python -I -m pip install ${named}`;
};
