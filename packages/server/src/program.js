/**
 * The server as a process: what was built of it, else its sources. What Node makes of them is kept between starts,
 * because without that half of every start, and the memory of the compiler with it, goes into reading them. Enabled
 * before anything else is loaded; where the folder cannot be written, Node goes on without. Plain JavaScript, so that
 * the compiler stays out of it.
 */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// The user's own folder: what lies in it is run.
enableCompileCache(join(homedir(), '.cache', 'berth', 'compiled'));
const built = new URL('../dist/start.mjs', import.meta.url);
await (existsSync(built) ? import(built.href) : import('./run.ts'));
