import type { Store } from '@berth/core';
import type { HandlersOf } from '../handler-types.ts';
import { findRecord } from './pages.ts';

export const gateHandlers = (store: Store): HandlersOf<'gate'> => ({
  'gate.get': ({ params }) => findRecord(store, 'gateRuns', params.id),
});
