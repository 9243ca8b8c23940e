import type { Change, ChangeDecision } from '@berth/contract';
import type { Store } from '@berth/core';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface ChangeWork {
  /** Unified diff of what the change makes of its target, all repositories one after the other. */
  diff(change: Change, signal: AbortSignal): Promise<string>;
  decide(id: string, decision: Pick<ChangeDecision, 'verdict' | 'reason'>, caller: Caller): Promise<Change>;
}

export const changeHandlers = (store: Store, changes: ChangeWork): HandlersOf<'change'> => ({
  'change.list': ({ query: { taskId, ...page } }) => pageOfRecords(store, 'changes', page, { taskId }),
  'change.get': ({ params }) => findRecord(store, 'changes', params.id),
  'change.approve': ({ params, body, caller }) =>
    changes.decide(params.id, { ...body, verdict: 'approved' }, caller),
  'change.reject': ({ params, body, caller }) =>
    changes.decide(params.id, { ...body, verdict: 'rejected' }, caller),
  'change.diff': async ({ params, signal }) =>
    changes.diff(await findRecord(store, 'changes', params.id), signal),
});
