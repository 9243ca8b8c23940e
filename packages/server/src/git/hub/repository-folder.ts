/** Where the bare repositories lie: `<folder>/<workspace>/<name>.git`. No other text becomes a path. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fail, RepositoryName, WorkspaceId } from '@berth/contract';
import type { Hub, HubWorkspace } from '@berth/core';
import { exists, ifMissing } from '../../system/if-missing.ts';

export interface RepositoryFolders {
  /** Throws `record.missing` when one of the names is not valid. */
  repository(workspaceId: string, name: string): string;
  workspace(workspaceId: string): string;
  /** The same, for an existing copy. Rejects with `record.missing`, `repository.copy_damaged`. */
  open(workspaceId: string, name: string): Promise<string>;
}

export const createRepositoryFolders = (folder: string): RepositoryFolders => {
  const workspace = (workspaceId: string): string => {
    if (!WorkspaceId.safeParse(workspaceId).success) {
      throw fail('record.missing', { noun: 'workspace', id: workspaceId });
    }
    return path.join(folder, workspaceId);
  };
  const repository = (workspaceId: string, name: string): string => {
    if (!RepositoryName.safeParse(name).success)
      throw fail('record.missing', { noun: 'repository', id: name });
    return path.join(workspace(workspaceId), `${name}.git`);
  };
  return {
    workspace,
    repository,
    open: async (workspaceId, name) => {
      const gitDir = repository(workspaceId, name);
      const parts = NEEDED.map((part) => path.join(gitDir, part));
      for (const part of [workspace(workspaceId), gitDir, ...parts]) {
        if (await exists(part)) continue;
        // A name that was never imported.
        if (part === gitDir) throw fail('record.missing', { noun: 'repository', id: name });
        const reason = `${path.relative(folder, part)} is missing`;
        throw fail('repository.copy_damaged', { repository: name, path: gitDir, reason });
      }
      return gitDir;
    },
  };
};

/** Without these git does not recognise a repository, or finds it empty. */
const NEEDED = ['HEAD', 'refs', 'objects/info'];

/** The folders of workspaces, from the first copy to the end of the removal. */
export const createCopies = (folder: string) => {
  const { workspace } = createRepositoryFolders(folder);
  /** Workspaces being created by this server. */
  const making = new Set<string>();
  const kept: Pick<Hub, 'recorded' | 'removeWorkspace' | 'listWorkspaces'> = {
    recorded: async (workspaceId) => {
      await unmark(workspace(workspaceId));
      making.delete(workspaceId);
    },
    removeWorkspace: async (workspaceId) => {
      await removeWorkspace(folder, workspace(workspaceId));
      making.delete(workspaceId);
    },
    listWorkspaces: async () =>
      (await listWorkspaces(folder)).map((one) => ({
        ...one,
        isHalfMade: one.isHalfMade && !making.has(one.id),
      })),
  };
  return {
    kept,
    begin: async (workspaceId: string): Promise<void> => {
      making.add(workspaceId);
      await markUnrecorded(workspace(workspaceId));
    },
  };
};

/** A workspace's folder during removal: this prefix, its id, and a unique suffix. */
const REMOVING = '.removing-';

/** The folder is moved away immediately; its contents are deleted now or when this is called again. */
const removeWorkspace = async (folder: string, workspace: string): Promise<void> => {
  const prefix = `${REMOVING}${path.basename(workspace)}-`;
  const gone = path.join(folder, `${prefix}${randomBytes(6).toString('hex')}`);
  await rename(workspace, gone).then(() => true, ifMissing(false));
  for (const name of await entriesOf(folder))
    if (name.startsWith(prefix)) await rm(path.join(folder, name), { recursive: true, force: true });
};

/** Marker in the folder of a workspace until it has its record. */
const UNRECORDED = '.unrecorded';

const markUnrecorded = async (workspace: string): Promise<void> => {
  await mkdir(workspace, { recursive: true, mode: 0o700 });
  await writeFile(path.join(workspace, UNRECORDED), '');
};

const unmark = (workspace: string): Promise<void> => rm(path.join(workspace, UNRECORDED), { force: true });

/** Workspaces with a folder, or one being removed; with the time of its last change. */
const listWorkspaces = async (folder: string): Promise<HubWorkspace[]> => {
  const found = new Map<string, Omit<HubWorkspace, 'id'>>();
  for (const name of await entriesOf(folder)) {
    const id = name.startsWith(REMOVING) ? name.slice(REMOVING.length).replace(/-.*/, '') : name;
    const changed = await stat(path.join(folder, name)).catch(ifMissing(false));
    if (changed === false || !WorkspaceId.safeParse(id).success) continue;
    const before = found.get(id);
    const isHalfMade = name !== id || (await exists(path.join(folder, name, UNRECORDED)));
    found.set(id, {
      changedAt: Math.max(before?.changedAt ?? 0, changed.mtimeMs),
      isHalfMade: isHalfMade || before?.isHalfMade === true,
    });
  }
  return [...found].map(([id, facts]) => ({ id, ...facts }));
};

const entriesOf = (folder: string): Promise<readonly string[]> => readdir(folder).catch(ifMissing([]));
