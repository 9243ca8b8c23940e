import { expect, test } from 'vitest';
import { type SetupInputs, setupInputHash } from './setup-inputs.ts';

const inputs: SetupInputs = {
  setup: { commands: [{ run: 'npm ci' }], egress: { preset: 'none' }, timeoutMs: 1 },
  workspace: {},
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

test('commands and where they run, egress, image, limits, driver and isolation each make another layer', () => {
  const others: Partial<SetupInputs>[] = [
    { setup: { ...inputs.setup, commands: [{ run: 'npm ci' }, { run: 'npm run build' }] } },
    { setup: { ...inputs.setup, commands: [{ run: 'npm ci', repository: 'app' }] } },
    { setup: { ...inputs.setup, egress: { preset: 'packages' } } },
    { workspace: { image: '/image.tar' } },
    { workspace: { limits: { cpus: 1 } } },
    { driver: 'host' },
    { isolation: 'microvm' },
  ];
  const hashes = [hash(), ...others.map(hash)];
  expect(new Set(hashes).size).toBe(hashes.length);
});
