/**
 * The entry point of the server process: runs the built program, or its sources if there is no build. The compile cache
 * is enabled before anything else is loaded, because compiling took half of every start; Node works without it where
 * the folder cannot be written. Plain JavaScript, so that no types have to be stripped.
 *
 * This process holds keys and tokens, which a debugger exposes to anyone who reaches its port: no signal opens one, and
 * one opened by the environment is closed. To debug on purpose, pass the flag to Node: `node --inspect program.js`.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { close as closeDebugger, url as debuggerUrl } from 'node:inspector';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

// Modes are given where files are created. An inherited umask of 077 would lock the users of sandboxes out of folders
// that they must be able to traverse.
process.umask(0o022);

process.on('SIGUSR1', () => undefined);
const isMeant = process.execArgv.some((argument) => argument.startsWith('--inspect'));
if (debuggerUrl() !== undefined && !isMeant) {
  closeDebugger();
  process.stderr.write('The debugger that NODE_OPTIONS opened was closed: the server holds keys.\n');
}

/**
 * In the user's own cache folder, because code in it is executed. Created level by level: Node's recursive mkdir never
 * returns where no folder can be created (procfs).
 */
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

const folder = compiledFolder();
if (folder !== undefined) enableCompileCache(folder);
const built = new URL('../dist/start.mjs', import.meta.url);
await (existsSync(built) ? import(built.href) : import('./run.ts'));
