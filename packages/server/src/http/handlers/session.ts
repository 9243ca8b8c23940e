import { allRows, type Store } from '@berth/core';
import type { HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfList } from './pages.ts';

/** A conversation is read whole to be put in order, so it has a limit; agents end long before it. */
const MAX_ITEMS = 20_000;

export const sessionHandlers = (store: Store): HandlersOf<'session'> => ({
  'session.get': async ({ params }) => {
    const session = await findRecord(store, 'sessions', params.id);
    const turns = await store.read((tx) => allRows(tx, { table: 'turns', where: { sessionId: params.id } }));
    return { ...session, turns: turns.sort((a, b) => a.number - b.number) };
  },
  'session.items': async ({ params, query }) => {
    await findRecord(store, 'sessions', params.id);
    const items = await store.read((tx) =>
      tx.table('items').list({ where: { sessionId: params.id }, limit: MAX_ITEMS }),
    );
    return pageOfList(
      items.sort((a, b) => a.position - b.position),
      query,
    );
  },
});
