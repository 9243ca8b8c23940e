import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERRORS, EVENTS, ROUTES } from '@berth/contract';
import { afterEach, expect, test } from 'vitest';
import { lockfile } from './gen/lockfile.ts';
import { registry } from './gen/registry.ts';
import { generate, outOfDate } from './gen.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'berth-gen-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('generates the same twice', () => {
  expect(generate(root)).toEqual(generate(root));
});

test('what is committed is what would be generated', () => {
  expect(outOfDate(root)).toEqual([]);
});

test('names what is out of date', () => {
  const texts = generate(root);
  expect(outOfDate(folder, texts)).toEqual(Object.keys(texts));
});

test('the reference names every route, event and error', () => {
  const texts = generate(root);
  const missing = [
    ...ROUTES.filter(({ id }) => !texts['docs/reference/routes.md']?.includes(`### ${id}\n`)),
    ...EVENTS.filter(({ type }) => !texts['docs/reference/events.md']?.includes(`\`${type}\``)),
    ...Object.keys(ERRORS).filter((code) => !texts['docs/reference/errors.md']?.includes(`\`${code}\``)),
  ];
  expect(missing).toEqual([]);
});

test('a registry holds the files and folders with a default export, by name', () => {
  const drivers = join(folder, 'drivers');
  mkdirSync(join(drivers, 'oci'), { recursive: true });
  mkdirSync(join(drivers, 'parts'));
  const plugin = 'export default defineDriver({});\n';
  writeFileSync(join(drivers, 'memory.ts'), plugin);
  writeFileSync(join(drivers, 'bubble-wrap.ts'), plugin);
  writeFileSync(join(drivers, 'oci/index.ts'), plugin);
  writeFileSync(join(drivers, 'parts/index.ts'), 'export const part = 1;\n');
  writeFileSync(join(drivers, 'memory.test.ts'), plugin);
  writeFileSync(join(drivers, 'shape.ts'), 'export const shape = 1;\n');
  expect(registry(drivers).split('\n').slice(1)).toEqual([
    'export const drivers = {',
    "  'bubble-wrap': () => import('./bubble-wrap.ts'),",
    "  memory: () => import('./memory.ts'),",
    "  oci: () => import('./oci/index.ts'),",
    '} as const;',
    '',
  ]);
  expect(registry(join(folder, 'agents'))).toContain('export const agents = {} as const;');
});

test('the lock file says of a package that brings its binary that nothing is to be built', () => {
  const install = (name: string, manifest: object, builds: boolean) => {
    mkdirSync(join(folder, 'node_modules', name), { recursive: true });
    writeFileSync(join(folder, 'node_modules', name, 'package.json'), JSON.stringify(manifest));
    if (builds) writeFileSync(join(folder, 'node_modules', name, 'binding.gyp'), '{}');
  };
  install('prebuilt', { gypfile: false }, true);
  install('from-source', {}, true);
  install('plain', {}, false);
  const paths = [
    '',
    'node_modules/prebuilt',
    'node_modules/from-source',
    'node_modules/plain',
    'node_modules/not-here',
  ];
  const lock = { packages: Object.fromEntries(paths.map((path) => [path, { version: '1.0.0' }])) };
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const { packages } = JSON.parse(lockfile(folder));
  expect(paths.filter((path) => packages[path].gypfile === false)).toEqual(['node_modules/prebuilt']);
  expect(Object.keys(packages)).toEqual(paths);
});
