/**
 * Builds the dashboard into `dist`: one page, one script and one style sheet, the latter two named by content hash.
 * Plain JavaScript that runs on any Node from 20.19 on, because it runs during `npm install`.
 */
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Returns the absolute path of the folder. */
export const buildDashboard = async (outDir = `${root}dist`) => {
  await build({
    root,
    configFile: false,
    envFile: false,
    mode: 'production',
    logLevel: 'error',
    plugins: [react({ jsxImportSource: '@berth/dashboard' })],
    // A test environment must not select React's development build.
    define: { 'process.env.NODE_ENV': JSON.stringify('production') },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      // The page's CSP allows no inline script, and a single script needs no preloading.
      modulePreload: false,
      reportCompressedSize: false,
      // Images stay files of their own origin.
      assetsInlineLimit: 0,
    },
  });
  return outDir;
};
