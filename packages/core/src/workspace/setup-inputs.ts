/**
 * What a prepared layer came from, as one hash: equal inputs give the same layer, so set-up commands run once per lock
 * file and not once per commit. What cannot change the result (sources, docs) is left out on purpose.
 */
import type { Isolation, Limits, Workspace } from '@berth/contract';
import type { SetupPlan } from '../setup-plan.ts';
import type { FilesByRepository } from './plan-setup.ts';

/** Files that say which dependencies a set-up would install, wherever they lie in a repository. */
const LOCK_FILES = new Set([
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'yarn.lock',
  '.yarnrc.yml',
  '.npmrc',
  'Cargo.toml',
  'Cargo.lock',
  'rust-toolchain.toml',
  'go.mod',
  'go.sum',
  'go.work',
  'go.work.sum',
  'pyproject.toml',
  'poetry.lock',
  'uv.lock',
  'Pipfile.lock',
  'setup.py',
  'setup.cfg',
  'requirements.txt',
  'requirements-dev.txt',
  '.tool-versions',
  '.nvmrc',
  '.node-version',
]);

export interface SetupInputs {
  readonly setup: SetupPlan;
  readonly workspace: Pick<Workspace, 'image' | 'limits'>;
  readonly driver: string;
  readonly isolation: Isolation;
  readonly files: FilesByRepository;
}

/** SHA-256 by the given digest, hex. */
export const setupInputHash = (
  digest: (text: string) => string,
  { setup, workspace, driver, isolation, files }: SetupInputs,
): string => {
  const locks = Object.entries(files)
    .map(([repository, paths]) => [repository, lockFilesOf(paths)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const commands = setup.commands.map(({ repository, run }) => [repository ?? null, run]);
  const limits: Limits | null = workspace.limits ?? null;
  return digest(
    JSON.stringify([
      'setup@1',
      commands,
      setup.egress,
      workspace.image ?? null,
      limits,
      driver,
      isolation,
      locks,
    ]),
  );
};

const lockFilesOf = (paths: Readonly<Record<string, string>>): (readonly [string, string])[] =>
  Object.entries(paths)
    .filter(
      ([path]) => !path.includes('node_modules/') && LOCK_FILES.has(path.slice(path.lastIndexOf('/') + 1)),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
