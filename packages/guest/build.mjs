/**
 * Bundles the guest into one file, `dist/guest.cjs`: Node starts fastest with a CommonJS module. Plain JavaScript
 * that runs on any Node from 20 on, because it runs during `npm install`.
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
