/** What starts is the build, as long as it is what the sources say. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildProgram } from './build.mjs';

let folder = '';
let start = '';
const source = (name: string) => join(folder, 'src', name);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-build-'));
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'package-lock.json'), '{"a":1}');
  writeFileSync(source('word.ts'), "export const word: string = 'one';\n");
  const main = "import { word } from './word.ts';\nconsole.log(word, import.meta.url.split('/').pop());\n";
  writeFileSync(source('main.ts'), main);
  await build();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** From sources that are older than the build, as after an unpacking. */
const build = async () => {
  for (const name of ['word.ts', 'main.ts', '../package-lock.json']) utimesSync(source(name), 1, 1);
  start = await buildProgram(folder, 'src/main.ts', 'package-lock.json');
};

const said = async (...flags: readonly string[]): Promise<string> => {
  const ran = await promisify(execFile)(process.execPath, [...flags, start]);
  return ran.stdout.trim();
};

test('the build runs while the sources are what it was made from', async () => {
  expect(await said()).toBe('one program.mjs');
});

test('a source that was only touched is the same', async () => {
  utimesSync(source('word.ts'), new Date(), new Date());
  expect(await said()).toBe('one program.mjs');
});

test('the sources run when one of them was changed, be it by a character or by more', async () => {
  writeFileSync(source('word.ts'), "export const word: string = 'two';\n");
  expect(await said()).toBe('two main.ts');
  writeFileSync(source('word.ts'), "export const word: string = 'three';\n");
  expect(await said()).toBe('three main.ts');
  await build();
  expect(await said()).toBe('three program.mjs');
});

test('the sources run when one of them is gone', async () => {
  writeFileSync(source('main.ts'), "console.log('alone', import.meta.url.split('/').pop());\n");
  rmSync(source('word.ts'));
  expect(await said()).toBe('alone main.ts');
});

test('the sources run when other versions of packages were installed', async () => {
  writeFileSync(join(folder, 'package-lock.json'), '{"a":2}');
  expect(await said()).toBe('one main.ts');
});

test('the sources run when one of them was written while it was built', async () => {
  const later = new Date(Date.now() + 60_000);
  utimesSync(source('word.ts'), later, later);
  await buildProgram(folder, 'src/main.ts', 'package-lock.json');
  expect(await said()).toBe('one main.ts');
});

test('the build runs where there are no sources', async () => {
  rmSync(join(folder, 'src'), { recursive: true });
  expect(await said()).toBe('one program.mjs');
});

test('what it imports of Node does not load the rest of Node, nor is deprecated by a newer one', async () => {
  const loaded = "console.log(process.moduleLoadList.filter((name) => name.includes('undici')).length)";
  const lazy = "const { late } = await import('./word.ts');\nawait late();\n";
  writeFileSync(source('main.ts'), `import process from 'node:process';\n${lazy}${loaded};\n`);
  const used = "import { createServer } from 'node:http';\nimport { existsSync } from 'node:fs';\n";
  writeFileSync(source('word.ts'), `${used}export const late = () => createServer() && existsSync('/');\n`);
  await build();
  expect(await said('--throw-deprecation')).toBe('0');
  const program = readFileSync(join(folder, 'dist/program.mjs'), 'utf8');
  expect(program).toContain('existsSync');
  expect(program).not.toContain('readFileSync');
});

test('what of Node no start needs is loaded when it is used', async () => {
  const main = `import { execFileSync, spawnSync as run } from 'node:child_process';
    const isLoaded = () => process.moduleLoadList.includes('NativeModule child_process');
    console.log(isLoaded(), run('true').status, execFileSync.name, isLoaded());
  `;
  writeFileSync(source('main.ts'), main);
  await build();
  expect(await said()).toBe('false 0 execFileSync true');
});

test('a stack trace names the source, for whoever asks for it', async () => {
  const main = "const fall = () => new Error('down').stack ?? '';\n\nconsole.log(fall());\n";
  writeFileSync(source('main.ts'), main);
  await build();
  expect(await said('--enable-source-maps')).toContain('src/main.ts:1:');
  expect(await said()).toMatch(/at fall .*program\.mjs/);
});
