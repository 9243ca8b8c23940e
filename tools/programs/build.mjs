/**
 * Bundles a program with its imports into one file, with a list of its sources. One file is loaded and compiled in
 * half the time and memory of eight hundred, and Node does not strip types below `node_modules`. Plain JavaScript
 * that runs on any Node from 20 on, because it runs during `npm install`.
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative, resolve, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const START = fileURLToPath(new URL('./start.mjs', import.meta.url));

/** Packages with a binary that they load from their own folder. */
const NATIVE = ['better-sqlite3'];

/** Bundled CommonJS packages use `require` for Node's own modules. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/**
 * Returns the absolute path of its entry: `dist/start.mjs` in the folder. `entry` and `lockFile` are relative to the
 * folder; the latter determines the versions of third-party packages. `workers` are entries of its threads, by the name
 * that their bundle gets.
 */
export const buildProgram = async (folder, entry, lockFile, workers = {}) => {
  const startedAtMs = Date.now();
  const dist = join(folder, 'dist');
  const { outputFiles, metafile } = await build({
    absWorkingDir: resolve(folder),
    entryPoints: { program: entry, ...workers },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    external: NATIVE,
    plugins: [costlyBuiltins, lateBuiltins, englishOnly],
    banner: { js: REQUIRE },
    // Names are kept, so that a stack trace is readable without the map.
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'error',
  });
  const inputs = await stampsOf(
    folder,
    [...Object.keys(metafile.inputs).filter(isOurs), lockFile],
    startedAtMs,
  );
  const start = join(dist, 'start.mjs');
  await mkdir(dist, { recursive: true });
  for (const { path, contents } of outputFiles) await replace(path, (draft) => writeFile(draft, contents));
  await replace(start, (draft) => copyFile(START, draft));
  // Last: its presence means that the rest is complete.
  const made = JSON.stringify({ entry, builtAtMs: startedAtMs, inputs });
  await replace(join(dist, 'inputs.json'), (draft) => writeFile(draft, made));
  return start;
};

/** Atomic: a server may be starting from this folder right now. */
const replace = async (path, write) => {
  const draft = `${path}.${process.pid}.draft`;
  await write(draft);
  await rename(draft, path);
};

/** Neither a third-party package nor a Node module. */
const isOurs = (path) => !path.includes(':') && !path.split('/').includes('node_modules');

const stampsOf = (folder, inputs, startedAtMs) =>
  Promise.all(
    inputs.map(async (path) => {
      const file = resolve(folder, path);
      const [bytes, { size, mtimeMs }] = await Promise.all([readFile(file), stat(file)]);
      // A file that changed meanwhile: which version was bundled is unknown.
      const digest =
        mtimeMs < startedAtMs ? createHash('sha256').update(bytes).digest('hex') : 'changed meanwhile';
      return [relative(join(folder, 'dist'), file).split(sep).join('/'), size, digest];
    }),
  );

/**
 * An ES import of one of these modules evaluates every lazy property, which loads much that is unused (`node:http` loads
 * half a megabyte of `fetch`, `node:process` the terminal, `node:util` threads). Here only the properties that the
 * program imports are read.
 */
const COSTLY = /^(?:node:)?(fs|http|process|util)$/;

const costlyBuiltins = {
  name: 'costly-builtins',
  setup(bundler) {
    bundler.onResolve({ filter: COSTLY }, ({ path, kind }) =>
      kind === 'import-statement'
        ? { path: path.replace('node:', ''), namespace: 'builtin', sideEffects: false }
        : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const name = `node:${path}`;
      const names = Object.keys(require(name)).filter(
        (key) => /^[a-zA-Z]\w*$/.test(key) && key !== 'default',
      );
      // Unused exports are dropped, because the calls are marked pure.
      const values = names.map((key) => `export const ${key} = /* @__PURE__ */ $read('${key}');`);
      const contents = `const $builtin = process.getBuiltinModule('${name}');
        const $read = (key) => $builtin[key];
        export default $builtin;
        ${values.join('\n')}`;
      return { loader: 'js', contents };
    });
  },
};

/**
 * These take milliseconds to load and are not needed during start-up, so they are loaded on the first use of one of
 * their names, imported or required. A program that needs one soon can load it while idle.
 */
const LATE = /^(?:node:)?(child_process|cluster|crypto|http2|https|tls|worker_threads|zlib)$/;

const lateBuiltins = {
  name: 'late-builtins',
  setup(bundler) {
    bundler.onResolve({ filter: LATE }, ({ path }) => ({
      path: path.replace('node:', ''),
      namespace: 'late',
      sideEffects: false,
    }));
    bundler.onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
      const name = JSON.stringify(`node:${path}`);
      const names = JSON.stringify(Object.keys(require(`node:${path}`)));
      // CommonJS, so that an imported name is read at each use.
      const contents = `for (const name of ${names})
        Object.defineProperty(exports, name, { enumerable: true, get: () => process.getBuiltinModule(${name})[name] });`;
      return { loader: 'js', contents };
    });
  },
};

/** Half of zod is messages in sixty languages, which its index exports. Berth uses English only. */
const englishOnly = {
  name: 'english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      loader: 'js',
      contents: "export { default as en } from './en.js';",
    }));
  },
};
