/**
 * The server as a process. What Node makes of our sources is kept between starts, because without that half of every
 * start, and the memory of the compiler with it, goes into reading TypeScript. Enabled before anything else is loaded;
 * where the folder cannot be written, Node goes on without. Plain JavaScript, so that the compiler stays out of it.
 */
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// The user's own folder: what lies in it is run.
enableCompileCache(join(homedir(), '.cache', 'berth', 'compiled'));
await import('./run.ts');
