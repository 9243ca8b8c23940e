/** Packages that a change's set-up installs: those of a registry need nobody, anything else needs a person. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const json = (value: object): string => JSON.stringify(value, null, 2);
const manifest = (dependencies: object): string =>
  json({ name: 'app', scripts: { test: 'node --test' }, dependencies });
const entry = (name: string, version = '1.0.0', more: object = {}): object => ({
  version,
  resolved: `https://registry.npmjs.org/${name}/-/${name.replace(/.*\//, '')}-${version}.tgz`,
  integrity: `sha512-${version}`,
  ...more,
});
const npm = (more: object, root: object = {}): string =>
  json({
    lockfileVersion: 3,
    packages: {
      '': { name: 'app', dependencies: { left: '^1.0.0', ...root } },
      'node_modules/left': entry('left', '1.0.0', {
        funding: { url: 'https://github.com/sponsors/left' },
        bin: { left: 'cli.js' },
      }),
      ...more,
    },
  });
const NODE: Files = { 'package.json': manifest({ left: '^1.0.0' }), 'package-lock.json': npm({}) };
const asked = (is: Files, was: Files = NODE): Promise<string[]> =>
  weakened('npm test', was, { ...was, ...is });
const LOCK = 'configuration_changed package-lock.json: x';

test('an archive of the repository that the manifest names as a path without a prefix', async () => {
  const tarball = { version: '1.0.0', integrity: 'sha512-x', hasInstallScript: true };
  expect(
    await asked({
      'package.json': manifest({ left: '^1.0.0', x: 'assets/a/x.tgz' }),
      'package-lock.json': npm({ 'node_modules/x': tarball }, { x: 'assets/a/x.tgz' }),
      'assets/a/x.tgz': 'packed',
    }),
  ).toEqual([
    'configuration_changed package.json: dependencies.x',
    'configuration_changed assets/a/x.tgz',
    'configuration_changed package-lock.json: the project itself',
    LOCK,
  ]);
});

test.each([
  'assets/a/x.tgz',
  'x.tgz',
  'X.TGZ',
  'FILE:assets/x',
  './x',
  '~/x',
  'C:x',
  'user/repo',
  'HTTPS://evil.test/x.tgz',
  'git+file:x',
  'npm:./x',
  'npm:x@file:y',
  'workspace:./x',
  '@a/b',
])('a dependency on %s needs a person', async (spec) => {
  expect(await asked({ 'package.json': manifest({ left: '^1.0.0', x: spec }) })).toEqual([
    'configuration_changed package.json: dependencies.x',
  ]);
  const member = json({ name: 'm', optionalDependencies: { x: spec } });
  expect(await asked({ 'packages/m/package.json': member })).toContain(
    'configuration_changed packages/m/package.json: optionalDependencies.x',
  );
});

test.each<[string, object]>([
  ['without a source', entry('x', '1.0.0', { resolved: undefined })],
  ['without integrity', entry('x', '1.0.0', { integrity: undefined })],
  ['of a path', entry('x', '1.0.0', { resolved: '/abs/x.tgz' })],
  ['of a path in the repository', entry('x', '1.0.0', { resolved: 'assets/a/x.tgz' })],
  ['of a prefix in capitals', entry('x', '1.0.0', { resolved: 'FILE:assets/a/x.tgz' })],
  ['of a host in capitals', entry('x', '1.0.0', { resolved: 'HTTPS://EVIL.test/x/-/x-1.0.0.tgz' })],
  [
    'of a host that only a link of the target names',
    entry('x', '1.0.0', { resolved: 'https://github.com/x/-/x.tgz' }),
  ],
  [
    'of another part of the registry',
    entry('x', '1.0.0', { resolved: 'https://registry.npmjs.org/evil/download/x.tgz' }),
  ],
  [
    'of a registry without encryption',
    entry('x', '1.0.0', { resolved: 'http://registry.npmjs.org/x/-/x-1.0.0.tgz' }),
  ],
  ['of a version that is a path', entry('x', 'assets/a/x.tgz')],
  ['with a dependency that is a path', entry('x', '1.0.0', { dependencies: { y: 'assets/a/y.tgz' } })],
  ['said to be bundled with nothing', { version: '1.0.0', inBundle: true }],
  ['that brings node', entry('x', '1.0.0', { bin: { node: 'x.js' } })],
  ['that brings a program of the system', entry('x', '1.0.0', { bin: { '../grep': 'x.js' } })],
  ['that brings a program of another', entry('x', '1.0.0', { bin: { left: 'x.js' } })],
  ['that brings a folder of programs', entry('x', '1.0.0', { directories: { bin: 'x' } })],
])('an entry %s needs a person', async (_, x) => {
  expect(await asked({ 'package-lock.json': npm({ 'node_modules/x': x }) })).toEqual([LOCK]);
});

test('so does a known package that is not the same any more, and a program of a member', async () => {
  const altered = async (more: object) =>
    asked({ 'package-lock.json': npm({ 'node_modules/left': entry('left', '1.0.0', more) }) });
  const left = ['configuration_changed package-lock.json: left'];
  expect(await altered({ resolved: 'https://registry.npmjs.org/evil/download/left.tgz' })).toEqual(left);
  expect(await altered({ integrity: undefined })).toEqual(left);
  expect(await altered({ bin: { node: 'evil.js' } })).toEqual(left);
  const link = { resolved: 'packages/m', link: true };
  const brings = npm({ 'node_modules/x': link, 'packages/m': { name: 'x', bin: { node: 'x.js' } } });
  expect(await asked({ 'package-lock.json': brings })).toEqual([LOCK]);
  expect(await asked({ 'packages/m/package.json': json({ name: 'm', bin: { node: 'x.js' } }) })).toEqual([
    'configuration_changed packages/m/package.json: bin',
  ]);
});

test('a first lock file takes nothing from elsewhere either', async () => {
  const was = { 'package.json': NODE['package.json'] ?? '' };
  const lock = (more: object) => ({
    'package-lock.json': npm({ 'node_modules/x': entry('x', '1.0.0', more) }),
  });
  expect(await asked(lock({}), was)).toEqual([]);
  expect(await asked(lock({ resolved: 'evil' }), was)).toEqual([LOCK]);
});

test('versions 1 and 2 of the format are read in full', async () => {
  const v1 = (x: object): string =>
    json({ lockfileVersion: 1, dependencies: { left: { ...entry('left'), dependencies: { x } } } });
  const was = { ...NODE, 'package-lock.json': v1(entry('x')) };
  expect(await asked({ 'package-lock.json': v1({ version: 'file:assets/x.tgz' }) }, was)).toEqual([LOCK]);
  expect(await asked({ 'package-lock.json': v1(entry('x', '2.0.0')) }, was)).toEqual([]);
});

test('ordinary packages need nobody', async () => {
  const packages = {
    'node_modules/x': entry('x', '2.0.0-rc.1', {
      bin: { x: 'cli.js' },
      hasInstallScript: true,
      bundleDependencies: ['b'],
      dependencies: { '@a/b': '^1.0.0 || ~2.1', other: 'npm:left@^1.0.0', next: 'latest', b: '1 - 2' },
      peerDependencies: { left: '>=1 <3' },
    }),
    'node_modules/x/node_modules/b': { version: '1.2.3', inBundle: true },
    'node_modules/@a/b': entry('@a/b'),
    'node_modules/other': entry('left', '1.1.0', { name: 'left' }),
    'node_modules/m': { resolved: 'packages/m', link: true },
    'packages/m': { name: 'm', version: '1.0.0', devDependencies: { x: '*' }, bin: { m: 'm.js' } },
  };
  expect(
    await asked({
      'package.json': manifest({ left: '^1.1.0', x: 'next', other: 'npm:left@^1.0.0', m: 'workspace:*' }),
      'packages/m/package.json': json({ name: 'm', devDependencies: { x: '*' }, bin: { m: 'm.js' } }),
      'package-lock.json': npm({ 'node_modules/left': entry('left', '1.1.0'), ...packages }),
    }),
  ).toEqual([]);
  const own = (name: string, version: string) =>
    entry(name, version, { resolved: `https://npm.example.com/all/${name}/-/${name}-${version}.tgz` });
  const was = { ...NODE, 'package-lock.json': npm({ 'node_modules/a': own('a', '1.0.0') }) };
  const is = npm({ 'node_modules/a': own('a', '1.0.1'), 'node_modules/b': own('b', '1.0.0') });
  expect(await asked({ 'package-lock.json': is }, was)).toEqual([]);
});

const BERRY =
  '__metadata:\n  version: 8\n\n"left@npm:^1.0.0":\n  version: 1.0.0\n  resolution: "left@npm:1.0.0"\n  checksum: 10c0/aa\n  languageName: node\n  linkType: hard\n\n"m@workspace:packages/m":\n  version: 0.0.0-use.local\n  resolution: "m@workspace:packages/m"\n  languageName: unknown\n  linkType: soft\n';
const YARN =
  '# yarn lockfile v1\n\n\nleft@^1.0.0:\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/left/-/left-1.0.0.tgz#aa"\n  integrity sha512-a\n';
const PNPM =
  "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      left:\n        specifier: ^1.0.0\n        version: 1.0.0\n\npackages:\n\n  left@1.0.0:\n    resolution: {integrity: sha512-l}\n    engines: {node: '>=10'}\n    peerDependencies:\n      react: ^18 || ^19\n\nsnapshots:\n\n  left@1.0.0(react@1.0.0):\n    dependencies:\n      react: 1.0.0\n";
const UV =
  'version = 1\nrequires-python = ">=3.12"\n\n[[package]]\nname = "app"\nversion = "0.1.0"\nsource = { virtual = "." }\ndependencies = [\n    { name = "six" },\n]\n\n[package.metadata]\nrequires-dist = [{ name = "six", specifier = ">=1" }]\n\n[[package]]\nname = "six"\nversion = "1.16.0"\nsource = { registry = "https://pypi.org/simple" }\nsdist = { url = "https://files.pythonhosted.org/packages/71/six-1.16.0.tar.gz", hash = "sha256:aa", size = 34041 }\nwheels = [\n    { url = "https://files.pythonhosted.org/packages/d9/six-1.16.0-py2.py3-none-any.whl", hash = "sha256:bb", size = 11053 },\n]\n';
const CARGO =
  '# This file is automatically @generated by Cargo.\nversion = 4\n\n[[package]]\nname = "app"\nversion = "0.1.0"\ndependencies = [\n "rand",\n]\n\n[[package]]\nname = "rand"\nversion = "0.8.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "aa"\n';
const POETRY =
  '# This file is automatically @generated by Poetry 2.1.0\n\n[[package]]\nname = "six"\nversion = "1.16.0"\ndescription = "x"\noptional = false\npython-versions = "!=3.0.*,>=2.7"\ngroups = ["main"]\nfiles = [\n    {file = "six-1.16.0-py2.py3-none-any.whl", hash = "sha256:aa"},\n]\n\n[package.dependencies]\nx = {version = ">=1", markers = "python_version < \\"3\\""}\n\n[metadata]\nlock-version = "2.1"\ncontent-hash = "x"\n';

const LOCKS: readonly [string, string, string, string][] = [
  ['yarn.lock', YARN, 'left@^1.0.0:', 'left@^1.0.0, left@assets/a/x.tgz:'],
  ['yarn.lock', YARN, 'https://registry.yarnpkg.com/left/-/', 'https://registry.yarnpkg.com/evil/download/'],
  ['yarn.lock', YARN, 'https://registry.yarnpkg.com/left/-/left-1.0.0.tgz', './assets/x.tgz'],
  ['yarn.lock', YARN, '  resolved "https://registry.yarnpkg.com/left/-/left-1.0.0.tgz#aa"\n', ''],
  ['yarn.lock', BERRY, 'left@npm:1.0.0', 'evil@npm:1.0.0'],
  ['yarn.lock', BERRY, 'resolution: "left@npm:1.0.0"', 'resolution: "left@file:assets/x"'],
  ['yarn.lock', BERRY, 'left@npm:1.0.0', 'left@npm:1.0.0::__archiveUrl=https%3A%2F%2Fevil.test%2Fx.tgz'],
  ['yarn.lock', BERRY, '"left@npm:^1.0.0"', '"left@npm:^1.0.0, left@workspace:evil"'],
  ['yarn.lock', BERRY, 'left@npm:1.0.0', 'left@workspace:evil'],
  ['yarn.lock', BERRY, '  checksum: 10c0/aa\n', ''],
  ['pnpm-lock.yaml', PNPM, '{integrity: sha512-l}', '{integrity: sha512-l, tarball: file:assets/x.tgz}'],
  ['pnpm-lock.yaml', PNPM, '{integrity: sha512-l}', '{directory: evil, type: directory}'],
  ['pnpm-lock.yaml', PNPM, '{integrity: sha512-l}', '\n      tarball: FILE:x'],
  ['pnpm-lock.yaml', PNPM, '  left@1.0.0:\n', '  left@FILE:assets/a/x.tgz:\n'],
  ['pnpm-lock.yaml', PNPM, 'version: 1.0.0', 'version: link:evil'],
  ['pnpm-lock.yaml', PNPM, 'react: 1.0.0', 'react: assets/a/x.tgz'],
  ['uv.lock', UV, '{ registry = "https://pypi.org/simple" }', '{ path = "assets/six.whl" }'],
  ['uv.lock', UV, '{ registry = "https://pypi.org/simple" }', '{ registry = "assets" }'],
  ['uv.lock', UV, '{ registry = "https://pypi.org/simple" }', '{ editable = "evil" }'],
  ['uv.lock', UV, 'packages/d9/six-1', 'packages/d9/evil-1'],
  ['uv.lock', UV, 'https://files.pythonhosted.org/packages/d9', 'HTTPS://evil.test/d9'],
  ['uv.lock', UV, '[[package]]\nname = "six"', "[[package]]\nname = 'six'"],
  ['uv.lock', UV, '[[package]]\nname = "six"', '[[ package ]]\nname = "six"'],
  [
    'Cargo.lock',
    CARGO,
    'registry+https://github.com/rust-lang/crates.io-index',
    'git+https://github.com/evil/rand#aa',
  ],
  [
    'Cargo.lock',
    CARGO,
    'source = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "aa"\n',
    '',
  ],
  ['Cargo.lock', CARGO, 'checksum = "aa"\n', ''],
  [
    'poetry.lock',
    POETRY,
    '[package.dependencies]',
    '[package.source]\ntype = "directory"\nurl = "evil"\n\n[package.dependencies]',
  ],
  [
    'poetry.lock',
    POETRY,
    '[package.dependencies]',
    '[package.source]\ntype = "legacy"\nurl = "https://evil.test"\nreference = "x"\n\n[package.dependencies]',
  ],
];

test.each(LOCKS)(
  'an entry of %s in a form that is not known needs a person (%#)',
  async (path, text, from, to) => {
    expect(text).toContain(from);
    const found = await weakened('npm test', { [path]: text }, { [path]: text.replace(from, to) });
    expect(found.join()).toContain(`configuration_changed ${path}: `);
  },
);

test.each([
  [
    'yarn.lock',
    YARN,
    `${YARN.replaceAll('1.0.0', '1.0.1')}\n"@a/b@^1.0.0 || ^2":\n  version "1.0.0"\n  resolved "https://registry.yarnpkg.com/@a/b/-/b-1.0.0.tgz#aa"\n`,
  ],
  [
    'yarn.lock',
    BERRY,
    `${BERRY.replaceAll('1.0.0', '1.0.1')}\n"n@workspace:*, n@workspace:packages/n":\n  version: 0.0.0-use.local\n  resolution: "n@workspace:packages/n"\n\n"fsevents@patch:fsevents@npm%3A~2.3.3#optional!builtin<compat/fsevents>":\n  version: 2.3.3\n  resolution: "fsevents@patch:fsevents@npm%3A2.3.3#optional!builtin<compat/fsevents>::version=2.3.3&hash=df0bf1"\n  conditions: os=darwin\n`,
  ],
  [
    'pnpm-lock.yaml',
    PNPM,
    `${PNPM.replaceAll('1.0.0', '1.0.1')}      cjs: left@1.0.1(react@1.0.0)\n      mine: link:packages/mine\n`,
  ],
  ['uv.lock', UV, UV.replaceAll('1.16.0', '1.17.0').replaceAll('aa', 'cc')],
  ['Cargo.lock', CARGO, CARGO.replace('0.8.0', '0.8.5').replace('0.1.0', '0.2.0').replace('aa', 'bb')],
  ['poetry.lock', POETRY, POETRY.replaceAll('1.16.0', '1.17.0')],
])('other versions in %s need nobody (%#)', async (path, was, is) => {
  expect(await weakened('npm test', { [path]: was }, { [path]: is })).toEqual([]);
});
