/**
 * Runs at the end of `npm ci`, possibly on an older Node than Berth itself: plain JavaScript for Node 20. Builds what
 * is needed to run from the sources: the guest's bundle.
 */
import { buildGuest } from '../packages/guest/build.mjs';

console.log(`built ${await buildGuest()}`);
