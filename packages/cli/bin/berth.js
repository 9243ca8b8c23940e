#!/usr/bin/env node
// Plain JavaScript that any Node can read: goes on with a Node that is new enough, or says which one is needed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = [22, 19];
const here = dirname(fileURLToPath(import.meta.url));
const main = join(here, '../src/main.ts');

const isNewEnough = (version) => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1]);
};

/** The Node that the `node` package installed beside us or above. */
const installedNode = () => {
  for (let folder = here; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules/node/bin/node');
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
};

const rerun = (node) => {
  const args = ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both of us; passed on, it would count twice.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : 15);
  });
};

const node = isNewEnough(process.versions.node) ? undefined : installedNode();
if (node !== undefined) rerun(node);
else if (isNewEnough(process.versions.node)) await import(main);
else {
  process.stderr.write(
    `error: berth needs Node ${NEEDED.join('.')} or newer; this is ${process.versions.node}.\n` +
      'hint: npm install --save-dev node@24\n',
  );
  process.exitCode = 7;
}
