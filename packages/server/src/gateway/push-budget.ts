/**
 * What a sandbox has pushed, kept with its grant. It may push in all what its disk may hold at one time: the hub keeps
 * for a while also what the sandbox has taken back since.
 */
import type { Store } from '@berth/core';
import type { PushBudget } from './git/push-places.ts';

export const createPushBudget = (store: Store, defaults: { readonly diskBytes: number }): PushBudget => ({
  leftBytes: (sandboxId) =>
    store.read(async (tx) => {
      const sandbox = await tx.table('sandboxes').get(sandboxId);
      const grant = await tx.table('grants').get(sandboxId);
      return (sandbox?.limits.diskBytes ?? defaults.diskBytes) - (grant?.pushedBytes ?? 0);
    }),
  add: (sandboxId, bytes) =>
    store.write(async (tx) => {
      const grant = await tx.table('grants').get(sandboxId);
      if (grant === undefined) return;
      const pushedBytes = (grant.pushedBytes ?? 0) + bytes;
      await tx.table('grants').update(grant.id, grant.revision, { pushedBytes });
    }),
});
