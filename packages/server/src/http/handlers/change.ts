/** Changes, and the gate runs that they were judged by. */
import type { Change, ChangeDecision } from '@berth/contract';
import type { Changes, Hub, Store } from '@berth/core';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface ChangeParts {
  readonly store: Store;
  readonly changes: Changes;
  readonly hub: { until(signal: AbortSignal): Pick<Hub, 'diff'> };
}

type Verdict = Pick<ChangeDecision, 'verdict' | 'reason'>;

export const changeHandlers = (parts: ChangeParts): HandlersOf<'change'> => {
  const { store, changes } = parts;
  const decide = (id: string, verdict: Verdict, { tokenId: by, name: byName }: Caller): Promise<Change> =>
    changes.decide(id, { ...verdict, by, byName });
  return {
    'change.list': ({ query: { taskId, ...page } }) => pageOfRecords(store, 'changes', page, { taskId }),
    'change.get': ({ params }) => findRecord(store, 'changes', params.id),
    'change.approve': ({ params, body, caller }) =>
      decide(params.id, { ...body, verdict: 'approved' }, caller),
    'change.reject': ({ params, body, caller }) =>
      decide(params.id, { ...body, verdict: 'rejected' }, caller),
    'change.diff': async ({ params, signal }) =>
      diffOf(store, parts.hub.until(signal), await findRecord(store, 'changes', params.id)),
  };
};

export const gateHandlers = (store: Store): HandlersOf<'gate'> => ({
  'gate.get': ({ params }) => findRecord(store, 'gateRuns', params.id),
});

/** Unified diff of the change against its target, all repositories in sequence. */
const diffOf = async (store: Store, hub: Pick<Hub, 'diff'>, change: Change): Promise<string> => {
  const task = await store.read((tx) => tx.table('tasks').get(change.taskId));
  if (task === undefined) return '';
  const workspace = await store.read((tx) => tx.table('workspaces').get(task.workspaceId));
  const hasSeveral = (workspace?.repositories.length ?? 0) > 1;
  const parts: string[] = [];
  for (const { repository, base, merge } of change.parts) {
    if (base !== undefined && merge !== undefined)
      parts.push(
        await hub.diff(task.workspaceId, repository, base, merge, hasSeveral ? repository : undefined),
      );
  }
  return parts.join('');
};
