/**
 * What a set-up may run or read of the repositories. The installers below read their manifests, lock files, patches and
 * configuration, which are known by name. Whatever makes them run or read more, and any other command, may reach
 * everything. In doubt it is everything: a layer that came from more than its key says could be poisoned.
 */
import type { SetupPlan } from '../setup-plan.ts';
import type { FilesByRepository } from './plan-setup.ts';
import {
  isPlainManifest,
  isPlainNpmSettings,
  isPlainPnpmWorkspace,
  isPlainYarnSettings,
} from './setup-reads-node.ts';
import { isPlainRequirementList } from './setup-reads-python.ts';

/** In any folder. */
const INPUT_NAMES = new Set([
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc', '.nvmrc', '.node-version'],
  ...['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'yarn.lock', '.yarnrc', '.yarnrc.yml', '.yarnclean'],
  ...['Cargo.toml', 'Cargo.lock', 'rust-toolchain', 'rust-toolchain.toml'],
  ...['go.mod', 'go.sum', 'go.work', 'go.work.sum'],
  ...['pyproject.toml', 'uv.lock', 'uv.toml', '.python-version', '.tool-versions'],
]);
/** Lists of requirements, patches, packed packages, and what Yarn keeps of itself. */
const INPUT_PATHS =
  /(?:requirements|constraints)[^/]*\.(?:txt|in)$|\.(?:patch|diff|tgz|tar|tar\.gz|tar\.bz2|whl|zip)$|(?:^|\/)(?:patches|\.yarn)\//;

export const isInput = (path: string): boolean =>
  INPUT_NAMES.has(path.slice(path.lastIndexOf('/') + 1)) || INPUT_PATHS.test(path);

/** Files whose being there lets an installer run what the repository says. */
const CODE = /(?:^|\/)(?:\.?pnpmfile\.[cm]?js|binding\.gyp|\.cargo\/config(?:\.toml)?)$/;
/** Folders that installers write; what is committed there is read by them in ways of their own. */
const INSTALLED = /(?:^|\/)(?:node_modules|\.venv)\//;
/** The hub lists a link with this before the id of its content. */
const LINK = 'link ';
const FOLDERS = /(?:^|\/)(?:node_modules|patches|\.venv|\.yarn|\.cargo)$/;

/** The commands that are known, with options that change nothing about what is read. */
const INSTALLERS = [
  /^npm ci(?: --(?:no-audit|no-fund|ignore-scripts|prefer-offline|legacy-peer-deps|include=dev|omit=dev))*$/,
  /^pnpm install --frozen-lockfile(?: --(?:ignore-scripts|prefer-offline))*$/,
  /^yarn install --(?:immutable|frozen-lockfile)(?: --ignore-scripts)?$/,
  /^cargo fetch --locked$/,
  /^go mod download$/,
  /^uv sync --(?:frozen|locked)$/,
  /^python3 -I -m venv \.venv && \.venv\/bin\/python -I -m pip install(?: -r [\w./-]*(?:requirements|constraints)[\w.-]*\.(?:txt|in))+$/,
];

/** Reading more of them takes longer than it saves. */
const MAX_READ = 200;

export interface SetupReads {
  readonly setup: Pick<SetupPlan, 'commands'>;
  readonly files: FilesByRepository;
  readonly read: (repository: string, path: string) => Promise<string | undefined>;
}

/** True when the set-up runs and reads nothing of the repositories but the files that `isInput` names. */
export const readsInputsOnly = async ({ setup, files, read }: SetupReads): Promise<boolean> => {
  if (!setup.commands.every(({ run }) => INSTALLERS.some((known) => known.test(run)))) return false;
  for (const [repository, paths] of Object.entries(files)) {
    const entries = Object.entries(paths);
    if (entries.some(([path]) => CODE.test(path) || INSTALLED.test(path))) return false;
    if (entries.some(([path, id]) => id.startsWith(LINK) && (isInput(path) || FOLDERS.test(path))))
      return false;
    const toRead = Object.keys(paths).filter((path) => CHECKS.some(({ name }) => name.test(path)));
    if (toRead.length > MAX_READ) return false;
    for (const path of toRead) {
      const text = await read(repository, path);
      if (text === undefined || !isPlain(path, text)) return false;
    }
  }
  return true;
};

interface Check {
  readonly name: RegExp;
  readonly isPlain: (text: string) => boolean;
}

const CHECKS: readonly Check[] = [
  { name: /(?:^|\/)package\.json$/, isPlain: isPlainManifest },
  { name: /(?:^|\/)\.npmrc$/, isPlain: isPlainNpmSettings },
  { name: /(?:^|\/)\.yarnrc(?:\.yml)?$/, isPlain: isPlainYarnSettings },
  { name: /(?:^|\/)pnpm-workspace\.yaml$/, isPlain: isPlainPnpmWorkspace },
  { name: /(?:^|\/)\.tool-versions$/, isPlain: (text) => !/path:|ref:/.test(text) },
  // A toolchain, an interpreter or a package that is a folder of the repository.
  { name: /(?:^|\/)rust-toolchain(?:\.toml)?$/, isPlain: (text) => !text.includes('path') },
  { name: /(?:^|\/)\.python-version$/, isPlain: (text) => !/[/\\]/.test(text) },
  {
    name: /(?:^|\/)uv\.lock$/,
    isPlain: (text) => !/\{[^}]*\b(?:editable|directory|path)\s*=/.test(text),
  },
  {
    name: /(?:^|\/)(?:uv|pyproject)\.toml$/,
    isPlain: (text) => !/cache-dir|find-links|python-preference/.test(text),
  },
  { name: /(?:requirements|constraints)[^/]*\.(?:txt|in)$/, isPlain: isPlainRequirementList },
];

const isPlain = (path: string, text: string): boolean =>
  CHECKS.every((check) => !check.name.test(path) || check.isPlain(text));
