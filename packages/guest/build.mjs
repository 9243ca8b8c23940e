/**
 * Bundles the guest into one file, `dist/guest.cjs`: Node is ready with a CommonJS module sooner than with any other.
 * Plain JavaScript that runs on any Node from 20 on, because it is called while the project is being installed.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Returns the absolute path of the bundle. */
export const buildGuest = async (outfile = here('./dist/guest.cjs')) => {
  await build({
    entryPoints: [here('./src/main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
  });
  return outfile;
};
