import type { Workspace, WorkspaceCreate } from '@berth/contract';
import type { Store } from '@berth/core';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface WorkspaceWork {
  create(wanted: WorkspaceCreate, caller: Caller, signal: AbortSignal, id?: string): Promise<Workspace>;
  remove(id: string, caller: Caller): Promise<void>;
}

export const workspaceHandlers = (store: Store, workspaces: WorkspaceWork): HandlersOf<'workspace'> => ({
  'workspace.create': ({ body, caller, signal, recordId }) =>
    workspaces.create(body, caller, signal, recordId),
  'workspace.list': ({ query }) => pageOfRecords(store, 'workspaces', query),
  'workspace.get': ({ params }) => findRecord(store, 'workspaces', params.id),
  'workspace.remove': async ({ params, caller }) => {
    await workspaces.remove(params.id, caller);
    return {};
  },
});
