import { expect, test } from 'vitest';
import { type SetupInputs, setupInputHash } from './inputs.ts';

type Texts = Readonly<Record<string, string>>;
const APP: Texts = { 'package.json': '{}', 'package-lock.json': 'aaa', 'src/index.ts': 'bbb' };

/** By scripted content: the id of a text is the text. */
const hashOf = (app: Texts, over: Partial<SetupInputs> & { readonly run?: string } = {}): Promise<string> => {
  const { run = 'npm ci', ...more } = over;
  return setupInputHash((text) => text, {
    setup: { commands: [{ run }], egress: { preset: 'none' }, timeoutMs: 1 },
    workspace: {},
    contents: 'of an image',
    driver: 'oci',
    isolation: 'container',
    commits: { app: JSON.stringify(app) },
    files: { app },
    read: async (_, path) => app[path],
    ...more,
  });
};
/** Whether a set-up with these files comes from the commit as a whole, so that any file makes another layer. */
const takesAll = async (files: Texts, run?: string): Promise<boolean> => {
  const over = run === undefined ? {} : { run };
  const [one, other] = [
    { ...APP, ...files },
    { ...APP, ...files, 'src/index.ts': 'changed' },
  ];
  return (await hashOf(one, over)) !== (await hashOf(other, over));
};

test('a source file changes nothing; a file that an installer reads does, wherever it is', async () => {
  const plain = await hashOf(APP);
  expect(await hashOf({ ...APP, 'src/index.ts': 'zzz', 'README.md': 'new' })).toBe(plain);
  expect(await hashOf(Object.fromEntries(Object.entries(APP).reverse()))).toBe(plain);
  const others: Texts[] = [
    { 'package-lock.json': 'zzz' },
    { 'tools/go.sum': 'new' },
    { 'patches/a+1.0.0.patch': 'new' },
    { 'packages/a/package.json': '{"name":"a"}' },
    { '.npmrc': 'registry=https://example.com' },
    { '.yarn/releases/yarn-4.cjs': 'new' },
    { 'requirements/base-requirements.txt': 'a==1' },
    { 'vendor/a-1.0.0.tgz': 'new' },
  ];
  const hashes = await Promise.all(others.map((files) => hashOf({ ...APP, ...files })));
  expect(new Set([plain, ...hashes]).size).toBe(others.length + 1);
  for (const files of others) expect(await takesAll(files), JSON.stringify(files)).toBe(false);
});

const manifest = (fields: object): Texts => ({ 'package.json': JSON.stringify(fields) });

test.each<[string, Texts]>([
  ['a lifecycle script', manifest({ scripts: { postinstall: 'node scripts/build.js' } })],
  ['one in a member', { 'packages/a/package.json': '{"scripts":{"prepare":"tsc"}}' }],
  [
    'a known script beside a program of the same name',
    manifest({ scripts: { prepare: 'husky' }, bin: { husky: 'x.js' } }),
  ],
  ['a dependency by path', manifest({ dependencies: { a: 'file:../a' } })],
  ['one without a word before it', manifest({ devDependencies: { a: './a' } })],
  ['one below two folders', manifest({ dependencies: { a: 'assets/a/x.tgz' } })],
  ['one that ends like an archive', manifest({ dependencies: { a: 'x.TGZ' } })],
  ['one in capitals', manifest({ dependencies: { a: 'FILE:../a' } })],
  ['one on a drive', manifest({ dependencies: { a: 'C:/a' } })],
  ['an override by path', manifest({ overrides: { a: { b: 'link:b' } } })],
  ['a manifest that cannot be read', { 'package.json': '{' }],
  ['a manifest that is a link', { 'package-lock.json': 'link x' }],
  ['a folder of patches that is a link', { patches: 'link src' }],
  ['a program of the settings', { '.npmrc': 'audit=false\nscript-shell=./evil' }],
  ['modules of the settings', { '.npmrc': 'node-options=--require ./evil.js' }],
  ['plugins of Yarn', { '.yarnrc.yml': 'nodeLinker: node-modules\nplugins:\n  - ./evil.cjs\n' }],
  ['plugins of Yarn behind another line end', { '.yarnrc.yml': 'nodeLinker: pnp\rplugins:\r  - ./evil.cjs' }],
  ['Yarn from somewhere else', { '.yarnrc.yml': 'yarnPath: scripts/yarn.cjs' }],
  ['hooks of pnpm', { '.pnpmfile.cjs': 'x' }],
  ['a native build', { 'binding.gyp': '{}' }],
  ['a configuration of Cargo', { '.cargo/config.toml': '[build]\nrustc-wrapper = "./evil"' }],
  ['credentials of Cargo', { '.cargo/credentials.toml': '[registry]\ntoken = "x"' }],
  ['an environment that Yarn loads', { '.env.yarn': 'NODE_OPTIONS=--require ./x.js' }],
  ['one in a folder above a member', { 'packages/.env.yarn': 'NODE_OPTIONS=--require ./x.js' }],
  ['a loader of Yarn', { '.pnp.cjs': 'x' }],
  ['modules that Go finds there', { 'vendor/modules.txt': 'x' }],
  ['a hidden file that nobody knows', { '.future/config': 'x' }],
  ['one below a hidden folder', { '.github/.npm-of-tomorrow': 'x' }],
  ['a toolchain in the repository', { 'rust-toolchain.toml': '[toolchain]\npath = "evil"' }],
  ['committed modules', { 'node_modules/a/index.js': 'x' }],
  ['a package of the repository', { 'requirements.txt': '-e .' }],
  ['a package in a folder', { 'requirements.txt': 'a==1\n./evil' }],
  ['a list of another name', { 'requirements.txt': '-r deps/base.txt' }],
  ['a project that installs itself', { 'uv.lock': '[[package]]\nsource = { editable = "." }' }],
  ['an interpreter of the repository', { '.python-version': './evil/python' }],
])('%s makes every commit its own', async (_, files) => {
  expect(await takesAll(files)).toBe(true);
});

test.each<[string, Texts]>([
  [
    'workspaces and scripts that nobody runs',
    manifest({ workspaces: ['./packages/*'], scripts: { test: 'node x' } }),
  ],
  ['the usual scripts', manifest({ scripts: { prepare: 'husky', postinstall: 'patch-package' } })],
  [
    'packages from elsewhere',
    manifest({
      dependencies: { a: '~1.2.3', b: 'npm:c@1', d: 'user/repo', e: 'workspace:*', f: '>=1 <2 || 3.x' },
      overrides: { a: { '.': '1', b: '$c' }, '@a/b': 'git+https://example.com/b.git#v1' },
      bundleDependencies: ['@a/b', 'c'],
      pnpm: { onlyBuiltDependencies: ['@a/b'], peerDependencyRules: { allowedVersions: { x: '1' } } },
    }),
  ],
  ['patched packages', manifest({ pnpm: { patchedDependencies: { 'a@1': 'patches/a.patch' } } })],
  [
    'hidden files that no installer reads',
    {
      ...{
        '.gitignore': 'x',
        '.github/workflows/ci.yml': 'x',
        'a/.eslintrc.cjs': 'x',
        '.husky/pre-commit': 'x',
      },
      ...{ '.env': 'x', '.claude/settings.json': 'x' },
    },
  ],
  ['registries', { '.npmrc': '# ours\n@a:registry=https://example.com\n//example.com/:_authToken=secret\n' }],
  [
    'a release of Yarn',
    { '.yarnrc.yml': 'nodeLinker: node-modules\n\nyarnPath: .yarn/releases/yarn-4.cjs\n' },
  ],
  ['members of pnpm', { 'pnpm-workspace.yaml': "packages:\n  - 'a/*'\n" }],
  [
    'requirements',
    {
      'requirements.txt':
        '# all\n-r requirements-dev.txt\n--index-url https://example.com/simple\na[b,c]>=1,<2 ; python_version < "3.9"\nd==1 \\\n  --hash=sha256:00\ne @ https://example.com/e.whl\n',
    },
  ],
  [
    'a project without a package',
    { 'uv.lock': 'source = { virtual = "." }\nsource = { registry = "https://x" }' },
  ],
])('%s do not', async (_, files) => {
  expect(await takesAll(files)).toBe(false);
});

test('a command that is no known installer may reach everything', async () => {
  for (const run of [
    'make',
    'npm ci && make',
    'npm ci --prefix x',
    'npm ci; ./x',
    'npm install',
    'npm  ci',
    'cargo fetch',
  ])
    expect(await takesAll({}, run), run).toBe(true);
  for (const run of [
    'npm ci --no-audit --ignore-scripts',
    'pnpm install --frozen-lockfile',
    'yarn install --immutable',
    'cargo fetch --locked',
    'go mod download',
    'uv sync --frozen',
    'python3 -I -m venv .venv && .venv/bin/python -I -m pip install -r requirements.txt -r requirements-dev.txt',
  ])
    expect(await takesAll({}, run), run).toBe(false);
});

test('commands and where they run, egress, kept paths, image, limits, driver and isolation each make another layer', async () => {
  const setup = { commands: [{ run: 'npm ci' }], egress: { preset: 'none' }, timeoutMs: 1 } as const;
  const others: Partial<SetupInputs>[] = [
    { setup: { ...setup, commands: [{ run: 'npm ci' }, { run: 'npm run build' }] } },
    { setup: { ...setup, commands: [{ run: 'npm ci', repository: 'app' }] } },
    { setup: { ...setup, egress: { preset: 'packages' } } },
    { setup: { ...setup, keep: ['.cache/x'] } },
    { contents: 'of another image' },
    { workspace: { limits: { cpus: 1 } } },
    { driver: 'host' },
    { isolation: 'microvm' },
  ];
  const hashes = await Promise.all([{}, ...others].map((over) => hashOf(APP, over)));
  expect(new Set(hashes).size).toBe(hashes.length);
});
