/**
 * What a prepared layer came from, as one hash: equal inputs give the same layer, so set-up commands run once per lock
 * file and not once per commit. What cannot change the result (sources, docs) is left out on purpose.
 */
import type { EgressPolicy, Isolation, Limits, Workspace } from '@berth/contract';

/** Files that say which dependencies a set-up would install, wherever they lie in a repository. */
const LOCK_FILES = new Set([
  'package.json',
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'yarn.lock',
  'Cargo.toml',
  'Cargo.lock',
  'rust-toolchain.toml',
  'go.mod',
  'go.sum',
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
  readonly workspace: Pick<Workspace, 'setup' | 'image' | 'limits'>;
  readonly driver: string;
  readonly isolation: Isolation;
  /** By repository: path → id of the content, as the hub shows a commit. */
  readonly files: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** SHA-256 by the given digest (hex), or undefined when the workspace has nothing to set up. */
export const setupInputHash = (
  digest: (text: string) => string,
  { workspace, driver, isolation, files }: SetupInputs,
): string | undefined => {
  const commands = workspace.setup?.commands ?? [];
  if (commands.length === 0) return undefined;
  const locks = Object.entries(files)
    .map(([repository, paths]) => [repository, lockFilesOf(paths)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const egress: EgressPolicy | null = workspace.setup?.egress ?? null;
  const limits: Limits | null = workspace.limits ?? null;
  return digest(
    JSON.stringify(['setup@1', commands, egress, workspace.image ?? null, limits, driver, isolation, locks]),
  );
};

const lockFilesOf = (paths: Readonly<Record<string, string>>): (readonly [string, string])[] =>
  Object.entries(paths)
    .filter(
      ([path]) => !path.includes('node_modules/') && LOCK_FILES.has(path.slice(path.lastIndexOf('/') + 1)),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
