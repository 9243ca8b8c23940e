import type { Store, Workspaces } from '@berth/core';
import type { Drivers } from '../../machines/drivers.ts';
import type { HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface WorkspaceParts {
  readonly store: Store;
  readonly workspaces: Pick<Workspaces, 'create' | 'remove'>;
  readonly drivers: Pick<Drivers, 'permit'>;
}

export const workspaceHandlers = (parts: WorkspaceParts): HandlersOf<'workspace'> => {
  const { store, workspaces, drivers } = parts;
  return {
    'workspace.create': async ({ body, caller, signal, recordId }) => {
      drivers.permit(body.driver, caller.role);
      return workspaces.create(body, recordId, signal);
    },
    'workspace.list': ({ query }) => pageOfRecords(store, 'workspaces', query),
    'workspace.get': ({ params }) => findRecord(store, 'workspaces', params.id),
    'workspace.remove': async ({ params }) => {
      await workspaces.remove(params.id);
      return {};
    },
  };
};
