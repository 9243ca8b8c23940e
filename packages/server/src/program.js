/**
 * The server as a process: what was built of it, else its sources. What Node makes of them is kept between starts,
 * because without that half of every start, and the memory of the compiler with it, goes into reading them. Enabled
 * before anything else is loaded; where the folder cannot be written, Node goes on without. Plain JavaScript, so that
 * the compiler stays out of it.
 *
 * This process holds keys and tokens, which a debugger shows to whoever reaches its port: no signal opens one, and one
 * that the environment opened is closed. Who means it says so to Node itself: `node --inspect program.js`.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { close as closeDebugger, url as debuggerUrl } from 'node:inspector';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

// What is made is open to whom its own mode says, whoever starts us: where users of sandboxes pass through, one of 077 shut them out.
process.umask(0o022);

process.on('SIGUSR1', () => undefined);
const isMeant = process.execArgv.some((argument) => argument.startsWith('--inspect'));
if (debuggerUrl() !== undefined && !isMeant) {
  closeDebugger();
  process.stderr.write('The debugger that NODE_OPTIONS opened was closed: the server holds keys.\n');
}

/** The user's own: what lies in it is run. Level by level: Node never comes back from where no folder can be made (procfs). */
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
