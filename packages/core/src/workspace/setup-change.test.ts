import { expect, test } from 'vitest';
import { planSetup } from './plan-setup.ts';
import { setupChanges, setupLines } from './setup-change.ts';

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
