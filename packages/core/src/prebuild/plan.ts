/**
 * Plans what a set-up runs: the commands declared by the workspace, or those detected in its repositories.
 */
import type { Workspace } from '@berth/contract';
import type { KeptOfDisk } from '@berth/plugin-api';
import type { SetupCommand, SetupPlan } from '../setup-plan.ts';

/** By repository: path → content id, as the hub lists a commit. */
export type FilesByRepository = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Undefined if there is nothing to run; a declared empty list overrides detection. A set-up may reach package
 * registries unless the workspace says otherwise.
 */
export const planSetup = (
  { setup }: Pick<Workspace, 'setup'>,
  files: FilesByRepository,
  { setupTimeoutMs }: { readonly setupTimeoutMs: number },
): SetupPlan | undefined => {
  const commands =
    setup === undefined
      ? Object.entries(files).flatMap(([name, paths]) => detectSetup(name, new Set(Object.keys(paths))))
      : setup.commands.map((command) => (typeof command === 'string' ? { run: command } : command));
  if (commands.length === 0) return undefined;
  const { egress = { preset: 'packages' }, timeoutMs = setupTimeoutMs, keep } = setup ?? {};
  return { commands, egress, timeoutMs, ...(keep === undefined ? {} : { keep }) };
};

/**
 * Detects the commands that install a repository's dependencies from the lock files at its root. Pure, like
 * gate detection: the same commit always yields the same commands.
 *
 * Only lock files count, and Python's requirements files: they state exactly what to install, and prepared
 * layers are keyed by them. Without one, nothing is guessed.
 */
type Paths = ReadonlySet<string>;

export const detectSetup = (repository: string, paths: Paths): SetupCommand[] =>
  [node(paths), cargo(paths), go(paths), python(paths)].flatMap((run) =>
    run === undefined ? [] : [{ repository, run }],
  );

const node = (paths: Paths): string | undefined => {
  if (!paths.has('package.json')) return undefined;
  if (paths.has('pnpm-lock.yaml')) return 'pnpm install --frozen-lockfile';
  // Yarn renamed the option when it introduced its own configuration file.
  if (paths.has('yarn.lock'))
    return paths.has('.yarnrc.yml') ? 'yarn install --immutable' : 'yarn install --frozen-lockfile';
  return paths.has('package-lock.json') || paths.has('npm-shrinkwrap.json') ? 'npm ci' : undefined;
};

const cargo = (paths: Paths): string | undefined =>
  paths.has('Cargo.lock') ? 'cargo fetch --locked' : undefined;

const go = (paths: Paths): string | undefined => (paths.has('go.sum') ? 'go mod download' : undefined);

/**
 * Installs into `.venv`, where the commands of a detected gate look first, because the system's Python
 * refuses additional packages. Isolated (`-I`), because Python would otherwise load modules from the
 * repository's folder.
 */
const python = (paths: Paths): string | undefined => {
  if (paths.has('uv.lock')) return 'uv sync --frozen';
  if (paths.has('poetry.lock')) return 'POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction';
  const lists = ['requirements.txt', 'requirements-dev.txt'].filter((name) => paths.has(name));
  if (lists.length === 0) return undefined;
  const named = lists.map((name) => `-r ${name}`).join(' ');
  return `python3 -I -m venv .venv && .venv/bin/python -I -m pip install ${named}`;
};

/** Below the home folder: downloads by name and version, not what installers put there to be run. */
const PACKAGE_CACHES = [
  ...['.npm/_cacache', '.local/share/pnpm/store', '.cache/pnpm', '.cache/yarn', '.yarn/berry/cache'],
  ...['.cache/pip', '.cache/uv', '.cache/pypoetry/cache', '.cache/pypoetry/artifacts'],
  ...['.cargo/registry', '.cargo/git', 'go/pkg/mod'],
  ...['.m2/repository', '.gradle/caches/modules-2', '.nuget/packages', '.cache/composer/files'],
];

/**
 * Which results of a set-up go into the layer: files it added to those of the commit in the repositories, and
 * package caches. Excluded are the commit's own files, which are checked out anew, anything of git's, and
 * programs or settings in the home folder, which every later command would run or read.
 */
export const keptOfSetup = (files: FilesByRepository, declared: readonly string[] = []): KeptOfDisk => ({
  root: Object.keys(files),
  home: [...PACKAGE_CACHES, ...declared],
  without: Object.entries(files).flatMap(([repository, paths]) =>
    Object.entries(paths).flatMap(([path, id]) =>
      // Only the set-up provides the content of a submodule.
      id.startsWith('module ') ? [] : [`${repository}/${path}`],
    ),
  ),
});
