/**
 * Runs at the end of `npm ci`, possibly on an older Node than Berth itself: plain JavaScript for Node 20. Builds what
 * is needed to run: the guest's bundle, the dashboard, and the two programs that start too often to load a thousand
 * files each time.
 */
import { fileURLToPath } from 'node:url';
import { buildDashboard } from '../packages/dashboard/build.mjs';
import { buildGuest } from '../packages/guest/build.mjs';
import { buildProgram } from './programs/build.mjs';

const programOf = (name, entry, workers) =>
  buildProgram(
    fileURLToPath(new URL(`../packages/${name}`, import.meta.url)),
    entry,
    '../../package-lock.json',
    workers,
  );

const building = [
  buildGuest(),
  buildDashboard(),
  programOf('server', 'src/run.ts', { 'judge-worker': 'src/judging/worker.ts' }),
  programOf('cli', 'src/main.ts'),
];
for (const built of await Promise.all(building)) console.log(`built ${built}`);
