/**
 * Runs at the end of `npm ci`, possibly on an older Node than Berth itself: plain JavaScript for Node 20. Builds what
 * is needed to run from the sources: the guest's bundle and the dashboard.
 */
import { buildDashboard } from '../packages/dashboard/build.mjs';
import { buildGuest } from '../packages/guest/build.mjs';

for (const built of await Promise.all([buildGuest(), buildDashboard()])) console.log(`built ${built}`);
