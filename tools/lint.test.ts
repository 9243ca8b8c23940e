/** biome.json holds a part of the rules of this house; a planted violation of each proves that it is configured. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const longFunction = `export const f = (g: () => void) => {\n${'g();\n'.repeat(61)}};`;

/** Rule, package folder, text that breaks it there. */
const PLANTED: readonly [rule: string, folder: string, text: string][] = [
  ['noExcessiveLinesPerFile', 'packages/core/src', 'export const a = 1;\n'.repeat(401)],
  ['noExcessiveLinesPerFunction', 'packages/core/src', longFunction],
  [
    'useMaxParams',
    'packages/core/src',
    'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => [a, b, c, d, e];',
  ],
  ['noConsole', 'packages/server/src', "console.log('x');"],
  ['noProcessEnv', 'packages/server/src', 'export const home = process.env.HOME;'],
  ['noDefaultExport', 'packages/core/src', 'export default 1;'],
  ['noExplicitAny', 'packages/core/src', 'export const a = (b: any) => b;'],
  ['noNonNullAssertion', 'packages/core/src', 'export const a = (b?: { c: 1 }) => b!.c;'],
  ['noEmptyBlockStatements', 'packages/core/src', 'export const a = (b: Promise<1>) => b.catch(() => {});'],
  ['noEnum', 'packages/core/src', 'export enum A { B }'],
  ['noFloatingPromises', 'packages/core/src', 'const f = async () => 1;\nexport const g = () => { f(); };'],
];

const FINE: readonly [path: string, text: string][] = [
  ['packages/cli/src/fine.ts', "console.log('x');\n"],
  ['packages/server/src/main.ts', 'export const home = process.env.HOME;\n'],
  ['packages/plugins/src/drivers/fine.ts', 'export default 1;\n'],
  ['packages/core/src/fine.test.ts', longFunction],
];

interface Diagnostic {
  readonly category: string;
  readonly location: { readonly path: string };
}

describe('biome.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-lint-'));
  const planted = PLANTED.map(([rule, where, text]) => ({
    rule,
    path: `${where}/${rule.toLowerCase()}.ts`,
    text,
  }));
  let found: readonly Diagnostic[] = [];

  beforeAll(() => {
    copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
    for (const { path, text } of [...planted, ...FINE.map(([path, text]) => ({ path, text }))]) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const args = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none', '.'];
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/biome'), args, {
      cwd: folder,
      encoding: 'utf8',
    });
    found = (JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const foundIn = (path: string) =>
    found
      .filter(({ location }) => location.path.endsWith(path))
      .map(({ category }) => category.split('/').at(-1));

  test.each(planted)('$rule bites', ({ rule, path }) => {
    expect(foundIn(path)).toContain(rule);
  });

  test.each(FINE)('nothing is wrong in %s', (path) => {
    expect(foundIn(path)).toEqual([]);
  });
});
