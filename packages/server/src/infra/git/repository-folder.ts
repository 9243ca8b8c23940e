/** Where the bare repositories lie: `<folder>/<workspace>/<name>.git`. No other text becomes a path. */
import path from 'node:path';
import { fail, RepositoryName, WorkspaceId } from '@berth/contract';

export interface RepositoryFolders {
  /** Throws `record.missing` when one of the names cannot be a name. */
  repository(workspaceId: string, name: string): string;
  workspace(workspaceId: string): string;
}

export const createRepositoryFolders = (folder: string): RepositoryFolders => {
  const workspace = (workspaceId: string): string => {
    if (!WorkspaceId.safeParse(workspaceId).success) {
      throw fail('record.missing', { noun: 'workspace', id: workspaceId });
    }
    return path.join(folder, workspaceId);
  };
  return {
    workspace,
    repository: (workspaceId, name) => {
      if (!RepositoryName.safeParse(name).success)
        throw fail('record.missing', { noun: 'repository', id: name });
      return path.join(workspace(workspaceId), `${name}.git`);
    },
  };
};
