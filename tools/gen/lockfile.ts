/**
 * The lock file as npm wrote it, plus what npm omits. A package with a `binding.gyp` is built from source by every
 * `npm ci` unless it says `gypfile: false`; npm reads that from the lock file, but does not write it there (npm/cli,
 * arborist `rebuild.js` and `shrinkwrap.js`). Without the line, installing a package that ships its binary requires
 * Python, a compiler and Node's headers, which a fresh machine lacks.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Entry = Readonly<Record<string, unknown>>;

/** The expected text of `package-lock.json`; needs the packages to be installed. */
export const lockfile = (root: string): string => {
  const lock: { packages: Record<string, Entry> } = JSON.parse(
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
  );
  const packages = Object.entries(lock.packages).map(([path, entry]) => [
    path,
    bringsItsBinary(join(root, path)) ? { ...entry, gypfile: false } : entry,
  ]);
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`;
};

const bringsItsBinary = (folder: string): boolean =>
  existsSync(join(folder, 'binding.gyp')) &&
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).gypfile === false;
