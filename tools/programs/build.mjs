/**
 * Bundles a program of ours with all it imports into one file, beside a list of the sources it was made from. One file
 * is read and compiled in half the time and memory of eight hundred, and Node strips no types below `node_modules`.
 * Plain JavaScript that runs on any Node from 20 on, because it is called while the project is being installed.
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

/** Packages that bring a binary, which they look for beside themselves. */
const NATIVE = ['better-sqlite3'];

/** The bundled packages that are CommonJS ask for Node's own modules by `require`. */
const REQUIRE =
  "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

/**
 * Returns the absolute path of what starts it: `dist/start.mjs` in the folder. `entry` and `lockFile` are relative to
 * the folder; the latter tells which version of other people's packages went in.
 */
export const buildProgram = async (folder, entry, lockFile) => {
  const startedAtMs = Date.now();
  const dist = join(folder, 'dist');
  const { outputFiles, metafile } = await build({
    absWorkingDir: resolve(folder),
    entryPoints: { program: entry },
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
    // Names stay, so that a stack trace can be read without the map too.
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
  // Last: it says that the rest is there.
  const made = JSON.stringify({ entry, builtAtMs: startedAtMs, inputs });
  await replace(join(dist, 'inputs.json'), (draft) => writeFile(draft, made));
  return start;
};

/** Nobody meets half a file: a server may be starting from this folder just now. */
const replace = async (path, write) => {
  const draft = `${path}.${process.pid}.draft`;
  await write(draft);
  await rename(draft, path);
};

/** Neither a package of others nor a module of Node. */
const isOurs = (path) => !path.includes(':') && !path.split('/').includes('node_modules');

const stampsOf = (folder, inputs, startedAtMs) =>
  Promise.all(
    inputs.map(async (path) => {
      const file = resolve(folder, path);
      const [bytes, { size, mtimeMs }] = await Promise.all([readFile(file), stat(file)]);
      // Nobody knows which text of a file that changed meanwhile went in.
      const digest =
        mtimeMs < startedAtMs ? createHash('sha256').update(bytes).digest('hex') : 'changed meanwhile';
      return [relative(join(folder, 'dist'), file).split(sep).join('/'), size, digest];
    }),
  );

/**
 * Imported the usual way, these modules of Node load everything that any of their names stands for (`node:http` half a
 * megabyte of `fetch`, `node:process` the terminal, `node:util` the threads): an import asks every property for its value. Here only those are
 * asked that the program imports.
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
      // What nobody imports is left out, because a pure call may be.
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
 * These are loaded when one of their names is first used, be it imported or required: they take milliseconds, and no
 * start needs them. A program that does need one soon may load it when it has nothing else to do.
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
      // As CommonJS, so that whoever imports a name asks for it at each use.
      const contents = `for (const name of ${names})
        Object.defineProperty(exports, name, { enumerable: true, get: () => process.getBuiltinModule(${name})[name] });`;
      return { loader: 'js', contents };
    });
  },
};

/** Half of what zod is: its messages in sixty languages, which it names although nobody asks for one. Ours are English. */
const englishOnly = {
  name: 'english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      loader: 'js',
      contents: "export { default as en } from './en.js';",
    }));
  },
};
