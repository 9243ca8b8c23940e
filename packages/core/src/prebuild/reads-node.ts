/**
 * Whether the manifests and settings of npm, pnpm and Yarn are plain, that is, make an installer run and read
 * nothing in the repository except manifests, lock files and patches. Settings not known to be harmless are
 * not plain.
 */
import { parseWithin } from '@berth/plugin-api';
import { z } from 'zod';

const Texts = z.record(z.string(), z.unknown());
const Manifest = z.looseObject({
  name: z.string().optional(),
  scripts: Texts.optional(),
  publishConfig: Texts.optional(),
});
type Manifest = z.infer<typeof Manifest>;

/** Scripts that run when the package itself is installed. */
const INSTALL_SCRIPT = /^(?:(?:pre|post)?(?:install|prepare|prepublish|dependencies)|pnpm:.*)$/;
/**
 * The most common of these scripts; their programs come from packages and read only what is an input anyway.
 */
const HARMLESS_SCRIPTS: Readonly<Record<string, string>> = {
  husky: 'husky',
  'husky install': 'husky',
  'husky || true': 'husky',
  'husky install || true': 'husky',
  'patch-package': 'patch-package',
};
const DEPENDENCIES =
  /^(?:(?:dev|optional|peer|bundled?)?dependencies|dependenciesMeta|overrides|resolutions|pnpm)$/i;
/**
 * What names a version, a range, a tag, a member of the workspace, another package's name, or a place outside the
 * repository. Installers take many more spellings for files in it.
 */
const NOT_IN_REPOSITORY = new RegExp(
  `^(?!\\.)(?:${[
    String.raw`[\w.^~<>=|*+\-,() ]*|\$?@?[\w.*>-]+|@[\w.~-]+/[\w.*-]+(?:@[\w.^~*-]+)?|\$@[\w.~-]+/[\w.-]+`,
    String.raw`npm:(?:@[\w.~-]+/)?[\w.~-]*(?:@[\w.^~<>=|*+\- ]*)?|(?:workspace|catalog):[\w.^~<>=|*+\- ]*`,
    String.raw`(?:(?:github|gitlab|bitbucket):)?[A-Za-z0-9][\w-]*/\w[\w.-]*(?:#[\w.^~:/-]*)?|gist:\w+`,
    String.raw`(?:https|git\+https|git\+ssh|ssh|git)://[\w@.-]+(?::\d+)?/[^\s\\]*`,
  ].join('|')})$`,
);
/** Installers take a name that ends like an archive for a file. */
const ARCHIVE = /^(?!\w[\w+]*:\/\/).*\.(?:tgz|tar|tar\.gz)\s*$/i;
const isInRepository = (spec: string): boolean => !NOT_IN_REPOSITORY.test(spec) || ARCHIVE.test(spec);
const OUTSIDE = /^[/~]|\.\./;

/**
 * Checks all manifests of a repository, keyed by path, together: any package, whether a member or named by a
 * lock file, can provide a program that another package's script calls.
 */
export const arePlainManifests = (texts: Readonly<Record<string, string>>): boolean => {
  const manifests = Object.values(texts).map((text) => Manifest.safeParse(parsed(text)).data);
  const called = new Set<string>();
  const brought = new Set<string>();
  for (const manifest of manifests) {
    if (manifest === undefined || !areDependenciesPlain(manifest)) return false;
    const scripts = Object.entries(manifest.scripts ?? {}).filter(([name]) => INSTALL_SCRIPT.test(name));
    for (const [, script] of scripts) {
      const program = harmlessProgram(script);
      if (program === undefined) return false;
      called.add(program);
    }
    for (const program of programsOf(manifest)) brought.add(program);
  }
  return called.size === 0 || !(brought.has(ANY) || [...called].some((program) => brought.has(program)));
};

const harmlessProgram = (script: unknown): string | undefined =>
  typeof script === 'string' && Object.hasOwn(HARMLESS_SCRIPTS, script)
    ? HARMLESS_SCRIPTS[script]
    : undefined;

/** Stands for a program whose name is unknown. */
const ANY = '*';

/** The names under which installers provide the programs of a package. */
const programsOf = (manifest: Manifest): string[] =>
  [manifest, manifest.publishConfig ?? {}].flatMap((fields) => {
    if ('directories' in fields) return [ANY];
    const { bin } = fields;
    if (bin === undefined) return [];
    if (typeof bin === 'string') return [manifest.name === undefined ? ANY : plainName(manifest.name)];
    const isNamed = typeof bin === 'object' && bin !== null && !Array.isArray(bin);
    return isNamed ? Object.keys(bin).map(plainName) : [ANY];
  });

/** As installers interpret it: without scope and folders. */
const plainName = (name: string): string => name.split(/[/\\:]/).at(-1) || ANY;

const areDependenciesPlain = (manifest: Manifest): boolean =>
  Object.entries(manifest).every(([field, value]) => {
    if (field === 'workspaces') return !textsIn(value).some((one) => OUTSIDE.test(one));
    return !DEPENDENCIES.test(field) || !textsIn(value).some(isInRepository);
  });

/**
 * `injected` packages of a pnpm workspace are copied rather than linked. A patch is an input if its name
 * shows it is one.
 */
const textsIn = (value: unknown, name = ''): string[] => {
  if (typeof value === 'string') return /^patches\/|\.(?:patch|diff)$/.test(value) ? [] : [value];
  if (typeof value !== 'object' || value === null)
    return name === 'injected' && value === true ? ['link:'] : [];
  return Object.entries(value).flatMap(([key, one]) => textsIn(one, key));
};

const parsed = (text: string): unknown => {
  try {
    return parseWithin(text);
  } catch {
    return undefined;
  }
};

const NPM_SETTING =
  /^(?:(?:@[\w.-]+:)?registry|\/\/[^=]+:(?:_authToken|_auth|username|_password|always-auth)|save-exact|save-prefix|engine-strict|audit|fund|loglevel|progress|update-notifier|ignore-scripts|legacy-peer-deps|strict-peer-dependencies|auto-install-peers|package-lock|prefer-offline|prefer-dedupe|shamefully-hoist|node-linker|hoist|(?:public-)?hoist-pattern|resolution-mode|link-workspace-packages|prefer-workspace-packages|shared-workspace-lockfile|always-auth|fetch-[a-z-]+|maxsockets|min-release-age|minimum-release-age|access|provenance|side-effects-cache|dedupe-peer-dependents)(?:\[\])?\s*=(?!\s*file:)/;

export const isPlainNpmSettings = (text: string): boolean =>
  linesOf(text).every(
    (line) => NPM_SETTING.test(line) && !/\$\{/.test(line.replace(/_auth(?:Token)?\s*=.*$/, '')),
  );

const YARN_SETTING =
  /^(?:(?:registry|"@[\w.-]+:registry"|network-timeout|save-prefix|lastUpdateCheck|--(?:install|add)\.(?:frozen-lockfile|ignore-scripts))\s|yarn-path "?\.yarn\/|yarnPath: "?\.yarn\/(?!.*\.\.)|(?:nodeLinker|nmMode|nmHoistingLimits|pnpMode|compressionLevel|enable(?:Telemetry|GlobalCache|Scripts|ImmutableInstalls|ColoredOutput|ProgressBars|TransparentWorkspaces)|npmRegistryServer|npmAuthToken|npmAlwaysAuth|npmMinimalAgeGate|checksumBehavior|defaultSemverRangePrefix|supportedArchitectures|httpTimeout|httpRetry|networkConcurrency):)/;

export const isPlainYarnSettings = (text: string): boolean =>
  topLines(text).every((line) => YARN_SETTING.test(line));

const PNPM_SETTING =
  /^(?:packages|catalogs?|(?:only|ignored|never)BuiltDependencies|autoInstallPeers|nodeLinker|minimumReleaseAge(?:Exclude)?|linkWorkspacePackages|sharedWorkspaceLockfile|strictPeerDependencies|shamefullyHoist|hoist|(?:public)?[hH]oistPattern|engineStrict|savePrefix|saveExact|resolutionMode|trustPolicy):/;

export const isPlainPnpmWorkspace = (text: string): boolean =>
  !/\.\.|(?:file|link|portal):/.test(text) && topLines(text).every((line) => PNPM_SETTING.test(line));

/** Everything that any of the installers treats as the end of a line. */
const LINE_END = /[\r\n\u0085\u2028\u2029]/;

const linesOf = (text: string): string[] =>
  text
    .split(LINE_END)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;]/.test(line));

/**
 * The unindented lines of a YAML text. A style other than one setting per line is not known to be harmless.
 */
const topLines = (text: string): string[] =>
  text.split(LINE_END).filter((line) => line.trim() !== '' && !/^(?:\s|#|- )/.test(line));
