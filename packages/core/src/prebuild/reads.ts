/**
 * What a set-up may run or read in the repositories. The installers below read their manifests, lock files,
 * patches and configuration, which are recognized by name. Anything that makes them run or read more, and any
 * other command, may reach everything. When in doubt it is everything: a layer with inputs that its key does
 * not cover could be poisoned.
 */
import type { SetupPlan } from '../setup-plan.ts';
import type { FilesByRepository } from './plan.ts';
import {
  arePlainManifests,
  isPlainNpmSettings,
  isPlainPnpmWorkspace,
  isPlainYarnSettings,
} from './reads-node.ts';
import { isPlainRequirementList, isRequirementList } from './reads-python.ts';

/** In any folder. */
const INPUT_NAMES = new Set([
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', '.npmrc', '.nvmrc', '.node-version'],
  ...['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'yarn.lock', '.yarnrc', '.yarnrc.yml', '.yarnclean'],
  ...['Cargo.toml', 'Cargo.lock', 'rust-toolchain', 'rust-toolchain.toml'],
  ...['go.mod', 'go.sum', 'go.work', 'go.work.sum'],
  ...['pyproject.toml', 'uv.lock', 'uv.toml', '.python-version', '.tool-versions'],
]);
/** Patches, packed packages, and Yarn's own files. */
const INPUT_PATHS = /\.(?:patch|diff|tgz|tar|tar\.gz|tar\.bz2|whl|zip)$|(?:^|\/)(?:patches|\.yarn)\//;

export const isInput = (path: string): boolean =>
  INPUT_NAMES.has(path.slice(path.lastIndexOf('/') + 1)) || isRequirementList(path) || INPUT_PATHS.test(path);

/**
 * Files whose presence makes an installer run code from the repository; some are manifests in formats not
 * parsed here.
 */
const CODE =
  /(?:^|\/)(?:\.?pnpmfile\.[cm]?js|package\.(?:json5|ya?ml)|binding\.gyp|\.pnp\.[\w.]+|vendor\/modules\.txt)$/;
/**
 * Programs read hidden files implicitly, and no list of such files is complete. These belong to version
 * control, editors, code hosts, agents, linters and the like, which no installer reads; any other may be
 * read.
 */
const HIDDEN = /(?<=^|\/)\.[^/]+/g;
const NO_INSTALLER_READS =
  /^\.(?:git(?:ignore|attributes|keep|hub|lab|lab-ci\.ya?ml|modules|-blame-ignore-revs)|gitea|forgejo|mailmap|keep|editorconfig|vscode|idea|zed|devcontainer|claude|cursor|cursorrules|codex|gemini|opencode|qwen|agents|husky|changeset|circleci|travis\.ya?ml|dockerignore|npmignore|prettierignore|prettierrc[\w.]*|eslintignore|eslintrc[\w.]*|stylelintrc[\w.]*|markdownlint[\w.-]*|oxlintrc\.json|jshintrc|babelrc[\w.]*|swcrc|browserslistrc|postcssrc[\w.]*|mocharc[\w.]*|nycrc[\w.]*|c8rc[\w.]*|lintstagedrc[\w.]*|commitlintrc[\w.]*|releaserc[\w.]*|storybook|size-limit[\w.]*|pre-commit-config\.ya?ml|flake8|pylintrc|coveragerc|isort\.cfg|ruff\.toml|readthedocs\.ya?ml|codecov\.ya?ml|clang-format|clang-tidy|golangci\.ya?ml|goreleaser\.ya?ml|rustfmt\.toml|clippy\.toml|env(?:\.(?:example|sample|test|local|development|production))?)$/;
/** Folders that installers write; they read files committed there in ways of their own. */
const INSTALLED = /(?:^|\/)(?:node_modules|\.venv)\//;
/** The prefix of a link's content id in the hub's listing. */
const LINK = 'link ';
const FOLDERS = /(?:^|\/)(?:node_modules|patches|\.venv|\.yarn|\.cargo)$/;

/** The known commands, each with options that do not affect what is read. */
const INSTALLERS: readonly (readonly [start: string, options: readonly string[]])[] = [
  [
    'npm ci',
    [
      ...['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--legacy-peer-deps'],
      ...['--include=dev', '--omit=dev'],
    ],
  ],
  ['pnpm install --frozen-lockfile', ['--ignore-scripts', '--prefer-offline']],
  ['yarn install --immutable', ['--ignore-scripts']],
  ['yarn install --frozen-lockfile', ['--ignore-scripts']],
  ['cargo fetch --locked', []],
  ['go mod download', []],
  ['uv sync --frozen', []],
  ['uv sync --locked', []],
];
const PIP_INSTALL = 'python3 -I -m venv .venv && .venv/bin/python -I -m pip install -r ';

const isInstaller = (run: string): boolean => {
  if (run.startsWith(PIP_INSTALL))
    return run
      .slice(PIP_INSTALL.length)
      .split(' -r ')
      .every((list) => /^[\w./-]+$/.test(list) && isRequirementList(list));
  return INSTALLERS.some(([start, options]) => {
    const rest = run.slice(start.length);
    if (!run.startsWith(start) || (rest !== '' && !rest.startsWith(' '))) return false;
    return rest
      .split(' ')
      .slice(1)
      .every((option) => options.includes(option));
  });
};

/** Beyond this, reading takes longer than it saves. */
const MAX_READ = 200;

export interface SetupReads {
  readonly setup: Pick<SetupPlan, 'commands'>;
  readonly files: FilesByRepository;
  readonly read: (repository: string, path: string) => Promise<string | undefined>;
}

/** Whether the set-up runs and reads nothing in the repositories except the files selected by `isInput`. */
export const readsInputsOnly = async ({ setup, files, read }: SetupReads): Promise<boolean> => {
  if (!setup.commands.every(({ run }) => isInstaller(run))) return false;
  for (const [repository, paths] of Object.entries(files)) {
    if (Object.entries(paths).some(([path, id]) => mayBeRun(path, id))) return false;
    if (!(await arePlain(Object.keys(paths), (path) => read(repository, path)))) return false;
  }
  return true;
};

const mayBeRun = (path: string, id: string): boolean =>
  CODE.test(path) ||
  INSTALLED.test(path) ||
  isUnknownHidden(path) ||
  (id.startsWith(LINK) && (isInput(path) || FOLDERS.test(path)));

const isUnknownHidden = (path: string): boolean =>
  !isInput(path) && (path.match(HIDDEN) ?? []).some((name) => !NO_INSTALLER_READS.test(name));

const arePlain = async (
  paths: readonly string[],
  read: (path: string) => Promise<string | undefined>,
): Promise<boolean> => {
  const toRead = paths.filter((path) => CHECKS.some(({ isOf }) => isOf(path)));
  if (toRead.length > MAX_READ) return false;
  const manifests: Record<string, string> = {};
  for (const path of toRead) {
    const text = await read(path);
    if (text === undefined || !isPlain(path, text)) return false;
    if (isManifest(path)) manifests[path] = text;
  }
  return arePlainManifests(manifests);
};

const isManifest = (path: string): boolean => /(?:^|\/)package\.json$/.test(path);

interface Check {
  readonly isOf: (path: string) => boolean;
  readonly isPlain: (text: string) => boolean;
}

const named =
  (name: RegExp) =>
  (path: string): boolean =>
    name.test(path.slice(path.lastIndexOf('/') + 1));

const CHECKS: readonly Check[] = [
  // Manifests provide programs to each other, so they are checked together.
  { isOf: isManifest, isPlain: () => true },
  { isOf: named(/^\.npmrc$/), isPlain: isPlainNpmSettings },
  { isOf: named(/^\.yarnrc(?:\.yml)?$/), isPlain: isPlainYarnSettings },
  { isOf: named(/^pnpm-workspace\.yaml$/), isPlain: isPlainPnpmWorkspace },
  { isOf: named(/^\.tool-versions$/), isPlain: (text) => !/path:|ref:/.test(text) },
  // A toolchain, interpreter or package that is a folder in the repository.
  { isOf: named(/^rust-toolchain(?:\.toml)?$/), isPlain: (text) => !text.includes('path') },
  { isOf: named(/^\.python-version$/), isPlain: (text) => !/[/\\]/.test(text) },
  {
    isOf: named(/^uv\.lock$/),
    isPlain: (text) => !/\\|\b(?:editable|directory|path)["']?\s*=/.test(text),
  },
  {
    isOf: named(/^(?:uv|pyproject)\.toml$/),
    isPlain: (text) => !/cache-dir|find-links|python-preference/.test(text),
  },
  { isOf: isRequirementList, isPlain: isPlainRequirementList },
];

/** Whether a single file is plain, as far as its own text shows. */
export const isPlain = (path: string, text: string): boolean =>
  CHECKS.every((check) => !check.isOf(path) || check.isPlain(text));
