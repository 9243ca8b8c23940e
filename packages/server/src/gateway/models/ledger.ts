/** Writes what a model request cost into the ledger: one row per request, whatever became of it. */
import type { Ids, Store } from '@berth/core';
import type { SpentTokens } from './relay.ts';

export const createLedger =
  (deps: { readonly store: Store; readonly ids: Pick<Ids, 'new'> }) =>
  async (spent: SpentTokens): Promise<void> => {
    await deps.store.write((tx) => tx.table('ledger').insert({ id: deps.ids.new('ledgerEntry'), ...spent }));
  };
