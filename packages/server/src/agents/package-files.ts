/** Files of npm packages that the operator installed beside Berth or globally: where agents' programs are. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Looks in every `node_modules` above this file, above the working folder, and in the global one. */
export const createPackageFiles = (env: Readonly<Record<string, string | undefined>>) => {
  const roots = [
    ...foldersAbove(dirname(fileURLToPath(import.meta.url))),
    ...foldersAbove(process.cwd()),
    join(dirname(dirname(process.execPath)), 'lib'),
    ...(env.NPM_CONFIG_PREFIX === undefined ? [] : [join(env.NPM_CONFIG_PREFIX, 'lib')]),
    '/usr/local/lib',
    '/usr/lib',
  ].map((folder) => join(folder, 'node_modules'));
  return (file: string): string | undefined =>
    roots.map((root) => join(root, file)).find((path) => existsSync(path));
};

const foldersAbove = (folder: string): string[] => {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersAbove(above)];
};
