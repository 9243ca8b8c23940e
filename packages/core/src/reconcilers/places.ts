/** Work that waits for a place under the ceiling of sandboxes begins again when there is one. */
import { fail } from '@berth/contract';
import { defineReconciler } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { PLACE_ENDS } from '../sandbox/index.ts';

const TROUBLE = 'work waits for a sandbox';

export const placeReconciler = defineReconciler<Ports>({
  name: 'places',
  everyMs: 30_000,
  wakeOn: PLACE_ENDS,
  async pass({ store, places, queue: { deferred }, troubles, defaults }) {
    // Counting costs, and most of the time nobody waits.
    if (deferred.count() > 0 && (await store.read((tx) => places.free(tx))) > 0)
      await store.write((tx) => deferred.hasten(tx));
    const waiting = deferred.count();
    if (waiting === 0) troubles.clear(TROUBLE);
    else troubles.note(TROUBLE, fail('sandbox.limit_reached', { limit: defaults.maxSandboxes }));
    return { waiting };
  },
});
