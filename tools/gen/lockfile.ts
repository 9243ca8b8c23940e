/**
 * The lock file as npm wrote it, and what npm forgets in it. A package with a `binding.gyp` is built from source by
 * every `npm ci` unless it says `gypfile: false`; npm reads that from the lock file, but does not write it there
 * (npm/cli, arborist `rebuild.js` and `shrinkwrap.js`). Without the line an installation of a package that brings its
 * binary asks for Python, a compiler and Node's headers, which a fresh machine does not have.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

type Entry = Readonly<Record<string, unknown>>;

/** The text of `package-lock.json` that the installed packages call for; needs them to be installed. */
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
