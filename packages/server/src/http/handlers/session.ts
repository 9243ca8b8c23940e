import { allRows, type Store } from '@berth/core';
import type { HandlersOf } from '../handler-types.ts';
import { findRecord, pageInOrder } from './pages.ts';

export const sessionHandlers = (store: Store): HandlersOf<'session'> => ({
  'session.get': async ({ params }) => {
    const session = await findRecord(store, 'sessions', params.id);
    const turns = await store.read((tx) => allRows(tx, { table: 'turns', where: { sessionId: params.id } }));
    return { ...session, turns: turns.sort((a, b) => a.number - b.number) };
  },
  'session.items': async ({ params, query }) => {
    await findRecord(store, 'sessions', params.id);
    // Ids of items sort as they were said.
    return pageInOrder(store, 'items', query, { sessionId: params.id });
  },
});
