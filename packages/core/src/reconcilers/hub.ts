/**
 * Removes copies of repositories whose workspace has no record: left by a crash in the middle of a creation or a
 * removal. The grace is longer than any import takes, because a creation copies before it writes its record.
 */
import { defineReconciler } from '../kernel/index.ts';
import type { World } from '../world.ts';
import { tally } from './look.ts';

const GRACE_MS = 86_400_000;

export const hubReconciler = defineReconciler<World>({
  name: 'hub',
  everyMs: 3_600_000,
  wakeOn: [],
  async pass(world, signal) {
    const { hub, store, clock } = world;
    const old = (await hub.listWorkspaces()).filter(({ changedAt }) => changedAt <= clock.now() - GRACE_MS);
    const known = await store.read(async (tx) => {
      const rows = await Promise.all(old.map(({ id }) => tx.table('workspaces').get(id)));
      return new Set(rows.map((row) => row?.id));
    });
    const strays = old.filter(({ id }) => !known.has(id));
    return tally(world, strays, signal, ({ id }) => hub.removeWorkspace(id));
  },
});
