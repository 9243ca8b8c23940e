import { expect, test } from 'vitest';
import { egressOfChange, setupChanges, setupLines } from './changes.ts';
import { planSetup } from './plan.ts';

type Files = Readonly<Record<string, string>>;
const sideOf = (files: Files) => ({
  setup: planSetup({}, { app: files }, { setupTimeoutMs: 1 }),
  files: { app: files },
  read: async (_: string, path: string) => files[path],
});
const changes = async (was: Files, is: Files) =>
  (await setupChanges(sideOf(was), sideOf(is))).map(({ kind, subject }) => `${kind} ${subject}`);

const LOCK = '{"lockfileVersion":3}';
const PLAIN: Files = { 'package.json': '{"name":"app"}', 'package-lock.json': LOCK };

test('a set-up that the target has no part of is a change of what judges', async () => {
  expect(await changes({ Makefile: 'test:' }, { Makefile: 'test:', ...PLAIN })).toEqual([
    'setup_changed npm ci',
  ]);
});

test.each<[string, Files]>([
  ['a script that installing runs', { 'package.json': '{"name":"app","scripts":{"postinstall":"./plant"}}' }],
  ['a package of the repository', { 'package.json': '{"name":"app","dependencies":{"x":"file:./x"}}' }],
  ['what is built at installing', { 'binding.gyp': '{}' }],
])('%s makes the set-up run what the change brings', async (_, more) => {
  expect(await changes(PLAIN, { ...PLAIN, ...more })).toEqual(['setup_changed npm ci']);
});

const HUSKY: Files = {
  'package.json': '{"name":"app","workspaces":["packages/*"],"scripts":{"prepare":"husky"}}',
  'package-lock.json': LOCK,
};

test.each<[string, string, string]>([
  ['a member of its name', 'packages/husky/package.json', '{"name":"husky","bin":"./x.js"}'],
  ['one of its name in a scope', 'packages/a/package.json', '{"name":"@a/husky","bin":"./x.js"}'],
  ['one that offers the name', 'packages/a/package.json', '{"name":"a","bin":{"husky":"./x.js"}}'],
  ['one that offers it with a folder', 'packages/a/package.json', '{"name":"a","bin":{"../husky":"./x.js"}}'],
  ['one without a name', 'packages/husky/package.json', '{"bin":"./x.js"}'],
  ['one with a list', 'packages/a/package.json', '{"name":"a","bin":["./husky"]}'],
  ['one with a folder of them', 'packages/a/package.json', '{"name":"a","directories":{"bin":"x"}}'],
  ['one that a lock file names', 'tools/a/package.json', '{"name":"husky","bin":"./x.js"}'],
  ['one as it is published', 'packages/a/package.json', '{"name":"a","publishConfig":{"bin":{"husky":"x"}}}'],
  ['one in another form', 'packages/a/package.yaml', 'name: husky\nbin: ./x.js\n'],
])('a known install script runs what a new package brings: %s', async (_, path, text) => {
  expect(await changes(HUSKY, { ...HUSKY, [path]: text })).toEqual(['setup_changed npm ci']);
});

test('programs of other names take the place of no script', async () => {
  const member = { 'packages/a/package.json': '{"name":"a","bin":{"a":"./x.js"}}' };
  expect(await changes(HUSKY, { ...HUSKY, ...member })).toEqual([]);
});

test('a list of requirements with a folder of the repository does, too', async () => {
  const was = { 'requirements.txt': 'six==1.16.0\n' };
  expect(
    await changes(was, { 'requirements.txt': 'six==1.16.0\n./tools\n', 'tools/setup.py': '' }),
  ).toHaveLength(1);
});

test('other versions of dependencies, and code, change nothing about the set-up', async () => {
  expect(await changes(PLAIN, { ...PLAIN, 'package-lock.json': '{"lockfileVersion":3,"x":1}' })).toEqual([]);
  expect(await changes(PLAIN, { ...PLAIN, 'src/a.js': '1' })).toEqual([]);
  expect(await changes(PLAIN, { 'src/a.js': '1' })).toEqual([]);
});

test('scripts that installers run by themselves are run by a set-up', () => {
  const lines = setupLines(sideOf(PLAIN).setup, 'app', true);
  expect(lines[0]).toBe('npm ci');
  expect(lines.join(' ')).toContain('postinstall');
  expect(setupLines(sideOf(PLAIN).setup, 'other', false)).toEqual([]);
});

test('what a change brings to its set-up reaches no more than its work may, unless the target does the like', () => {
  const [none, packages] = [{ preset: 'none' }, { preset: 'packages' }] as const;
  const byDefault = { egress: none, isAsked: false };
  expect(egressOfChange(packages, byDefault, false)).toEqual(none);
  expect(egressOfChange(packages, byDefault, true)).toEqual(packages);
  expect(egressOfChange(packages, { egress: none, isAsked: true }, true)).toEqual(none);
  expect(egressOfChange(none, { egress: packages, isAsked: true }, false)).toEqual(none);
});
