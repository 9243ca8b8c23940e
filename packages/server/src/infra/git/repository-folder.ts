/** Where the bare repositories lie: `<folder>/<workspace>/<name>.git`. No other text becomes a path. */
import { randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
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

/** A workspace's folder while it is removed: this, its id, and something unique. */
const REMOVING = '.removing-';

/** The folder is gone at once; what is in it follows, now or when this is asked again. */
export const removeWorkspace = async (folder: string, workspace: string): Promise<void> => {
  const prefix = `${REMOVING}${path.basename(workspace)}-`;
  const gone = path.join(folder, `${prefix}${randomBytes(6).toString('hex')}`);
  await rename(workspace, gone).then(() => true, isMissing);
  for (const name of await entriesOf(folder))
    if (name.startsWith(prefix)) await rm(path.join(folder, name), { recursive: true, force: true });
};

/** Ids of workspaces that have a folder, or one that is being removed; with the time of its last change. */
export const listWorkspaces = async (folder: string): Promise<{ id: string; changedAt: number }[]> => {
  const found = new Map<string, number>();
  for (const name of await entriesOf(folder)) {
    const id = name.startsWith(REMOVING) ? name.slice(REMOVING.length).replace(/-.*/, '') : name;
    const changed = await stat(path.join(folder, name)).catch(isMissing);
    if (changed === false || !WorkspaceId.safeParse(id).success) continue;
    found.set(id, Math.max(found.get(id) ?? 0, changed.mtimeMs));
  }
  return [...found].map(([id, changedAt]) => ({ id, changedAt }));
};

const entriesOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder).catch(isMissing)) || [];

/** False for an absent file; other failures are thrown. */
export const isMissing = (thrown: unknown): false => {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return false;
  throw thrown;
};
