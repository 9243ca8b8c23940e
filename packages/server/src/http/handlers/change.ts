import type { Change } from '@berth/contract';
import type { Store } from '@berth/core';
import type { HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface ChangeWork {
  /** Unified diff of what the change makes of its target, all repositories one after the other. */
  diff(change: Change): Promise<string>;
}

export const changeHandlers = (store: Store, changes: ChangeWork): HandlersOf<'change'> => ({
  'change.list': ({ query: { taskId, ...page } }) => pageOfRecords(store, 'changes', page, { taskId }),
  'change.get': ({ params }) => findRecord(store, 'changes', params.id),
  'change.diff': async ({ params }) => changes.diff(await findRecord(store, 'changes', params.id)),
});
