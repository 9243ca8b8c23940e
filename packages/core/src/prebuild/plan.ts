/** What a set-up will run: the workspace's declared commands, or those that its repositories show. */
import type { Workspace } from '@berth/contract';
import type { KeptOfDisk } from '@berth/plugin-api';
import type { SetupCommand, SetupPlan } from '../setup-plan.ts';

/** By repository: path → id of the content, as the hub shows a commit. */
export type FilesByRepository = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Nothing when there is nothing to run; a declared empty list wins over what is there. Package registries are open to
 * a set-up unless the workspace says otherwise.
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
 * Which commands bring in what a repository depends on, read off the lock files at its root. Pure, like the detection
 * of gates: what a commit holds goes in, commands come out.
 *
 * Only lock files count (and Python's lists of requirements): they say exactly what to install, and they are what a
 * prepared layer is found by. Where there is none, nothing is guessed.
 */
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

/**
 * What of a set-up becomes a layer: what it put into the repositories beside the files of the commit, and the caches of
 * packages. Not the commit's own files, which are checked out anew; nothing of git's; no program or setting in the home
 * folder, which every later command would run or read.
 */

/** Below the home folder: downloads by name and version. Not what installers put there to be run. */
const PACKAGE_CACHES = [
  ...['.npm/_cacache', '.local/share/pnpm/store', '.cache/pnpm', '.cache/yarn', '.yarn/berry/cache'],
  ...['.cache/pip', '.cache/uv', '.cache/pypoetry/cache', '.cache/pypoetry/artifacts'],
  ...['.cargo/registry', '.cargo/git', 'go/pkg/mod'],
  ...['.m2/repository', '.gradle/caches/modules-2', '.nuget/packages', '.cache/composer/files'],
];

export const keptOfSetup = (files: FilesByRepository, declared: readonly string[] = []): KeptOfDisk => ({
  root: Object.keys(files),
  home: [...PACKAGE_CACHES, ...declared],
  without: Object.entries(files).flatMap(([repository, paths]) =>
    Object.entries(paths).flatMap(([path, id]) =>
      // What a set-up checked out of a submodule is brought in by nothing else.
      id.startsWith('module ') ? [] : [`${repository}/${path}`],
    ),
  ),
});
