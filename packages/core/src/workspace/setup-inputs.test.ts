import { expect, test } from 'vitest';
import { type SetupInputs, setupInputHash } from './setup-inputs.ts';

const inputs: SetupInputs = {
  workspace: { setup: { commands: ['npm ci'] } },
  driver: 'oci',
  isolation: 'container',
  files: { app: { 'package-lock.json': 'aaa', 'src/index.ts': 'bbb', 'docs/package.json': 'ccc' } },
};
const hash = (over: Partial<SetupInputs> = {}) => setupInputHash((text) => text, { ...inputs, ...over });
const app = (files: Record<string, string>) => ({ files: { app: { ...inputs.files.app, ...files } } });

test('a source file changes nothing; a lock file anywhere does', () => {
  expect(hash(app({ 'src/index.ts': 'zzz', 'README.md': 'new' }))).toBe(hash());
  expect(hash(app({ 'package-lock.json': 'zzz' }))).not.toBe(hash());
  expect(hash(app({ 'tools/go.sum': 'new' }))).not.toBe(hash());
});

test('the order in which files are listed changes nothing', () => {
  const files = Object.fromEntries(Object.entries(inputs.files.app ?? {}).reverse());
  expect(hash({ files: { app: files } })).toBe(hash());
});

test('commands, egress, image, limits, driver and isolation each make another layer', () => {
  const others: Partial<SetupInputs>[] = [
    { workspace: { setup: { commands: ['npm ci', 'npm run build'] } } },
    { workspace: { setup: { commands: ['npm ci'], egress: { preset: 'packages' } } } },
    { workspace: { ...inputs.workspace, image: '/image.tar' } },
    { workspace: { ...inputs.workspace, limits: { cpus: 1 } } },
    { driver: 'host' },
    { isolation: 'microvm' },
  ];
  const hashes = [hash(), ...others.map(hash)];
  expect(new Set(hashes).size).toBe(hashes.length);
});

test('without commands there is nothing to prepare', () => {
  expect(hash({ workspace: {} })).toBeUndefined();
  expect(hash({ workspace: { setup: { commands: [] } } })).toBeUndefined();
});
