#!/usr/bin/env node
// Plain JavaScript that any Node can parse: re-executes with a recent enough Node, or reports which version is
// needed.
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// An import of `node:fs` loads everything that any of its names stands for; this loads what is named.
const require = module.createRequire(import.meta.url);
const { existsSync, mkdirSync, openSync, readFileSync } = require('node:fs');

const NEEDED = [22, 19];
const here = dirname(fileURLToPath(import.meta.url));

const isNewEnough = (version) => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
};

/** The Node installed by the `node` package, next to this package or above it. */
const installedNode = () => {
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const home = join(folder, 'node_modules/node');
    const candidate = join(home, 'bin/node');
    if (existsSync(candidate) && isNewEnough(versionIn(home))) return candidate;
  }
  return undefined;
};

const versionIn = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;

const hasTerminal = () => {
  try {
    openSync('/dev/tty', 'r');
    return true;
  } catch {
    return false;
  }
};

const rerun = (node) => {
  const { spawn } = require('node:child_process');
  const args = ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url)];
  const child = spawn(node, [...args, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes; forwarding it would count it twice.
  const passOn = hasTerminal() ? () => undefined : () => child.kill('SIGINT');
  process.on('SIGINT', passOn);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : 15);
  });
};

/** Created level by level: Node's recursive mkdir never returns where no folder can be created (procfs). */
const compiledFolder = () => {
  let folder = homedir();
  try {
    for (const name of ['.cache', 'berth', 'compiled']) {
      folder = join(folder, name);
      if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    }
    return folder;
  } catch {
    // Only a speed-up.
    return undefined;
  }
};

/** The build, else the sources, whose compile cache is kept in the user's own folder. */
const run = async () => {
  const cache = compiledFolder();
  if (cache !== undefined) module.enableCompileCache(cache);
  const built = join(here, '../dist/start.mjs');
  await import(pathToFileURL(existsSync(built) ? built : join(here, '../src/main.ts')).href);
};

const node = isNewEnough(process.versions.node) ? undefined : installedNode();
if (node !== undefined) rerun(node);
else if (isNewEnough(process.versions.node)) await run();
else {
  process.stderr.write(
    `error: berth needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}.\n` +
      'hint: npm install --save-dev node@24\n',
  );
  process.exitCode = 7;
}
