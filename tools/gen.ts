/**
 * Generates files from their sources: the OpenAPI document and the reference pages from the contract, the plugin
 * registries from their folders, what npm omits from its lock file. `--check` writes nothing and lists what is out of
 * date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from '../packages/contract/src/openapi.ts';
import { configurationPage } from './gen/configuration.ts';
import { lockfile } from './gen/lockfile.ts';
import { errorsPage, eventsPage, routesPage, statesPage } from './gen/reference.ts';
import { registry } from './gen/registry.ts';

export const generate = (root: string): Readonly<Record<string, string>> => ({
  'packages/contract/openapi.json': `${JSON.stringify(openApiDocument(versionOf(root)), null, 2)}\n`,
  'packages/plugins/src/drivers/_registry.ts': registry(join(root, 'packages/plugins/src/drivers')),
  'packages/plugins/src/agents/_registry.ts': registry(join(root, 'packages/plugins/src/agents')),
  'docs/reference/routes.md': routesPage(),
  'docs/reference/events.md': eventsPage(),
  'docs/reference/errors.md': errorsPage(),
  'docs/reference/states.md': statesPage(),
  'docs/reference/configuration.md': configurationPage(),
  'package-lock.json': lockfile(root),
});

const versionOf = (root: string): string =>
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

/** Files that differ from what would be generated. */
export const outOfDate = (root: string, texts = generate(root)): string[] =>
  Object.entries(texts)
    .filter(([path, text]) => textAt(join(root, path)) !== text)
    .map(([path]) => path);

const textAt = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

const main = (root: string, checkOnly: boolean) => {
  const texts = generate(root);
  const stale = outOfDate(root, texts);
  if (checkOnly) {
    for (const path of stale) console.error(`${path} is out of date; run: npm run gen`);
    process.exitCode = stale.length === 0 ? 0 : 1;
    return;
  }
  for (const path of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), texts[path] ?? '');
    console.log(`wrote ${path}`);
  }
};

if (import.meta.main) main(fileURLToPath(new URL('..', import.meta.url)), process.argv.includes('--check'));
