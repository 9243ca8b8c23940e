/** Who may make, open and use which sandbox: opened only while its record says that it runs, and by the driver's rule. */
import { posix } from 'node:path';
import { fail, type Sandbox as SandboxRecord } from '@berth/contract';
import type { Grants, Ids, Sandboxes, Store } from '@berth/core';
import type { Files, Sandbox } from '@berth/plugin-api';
import type { RepositoryCommands } from '../../git/checkouts/repository-commands.ts';
import type { SandboxClient } from '../../guest/sandbox-client.ts';
import type { Drivers } from '../../machines/drivers.ts';
import type { ServerMachines } from '../../machines/machines.ts';
import type { Caller } from '../handler-types.ts';
import type { SandboxAccess } from './sandbox.ts';

export interface SandboxAccessParts {
  readonly store: Store;
  readonly sandboxes: Pick<Sandboxes, 'create' | 'remove'>;
  readonly machines: Pick<ServerMachines, 'open'>;
  readonly drivers: Pick<Drivers, 'permit'>;
  readonly commands: RepositoryCommands;
  readonly grants: Pick<Grants, 'tokenFor'>;
  readonly ids: Ids;
}

/** The first of these that is inside becomes the terminal's shell. */
const SHELL = 'if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi';

export const createSandboxAccess = (parts: SandboxAccessParts): SandboxAccess => {
  const { store, sandboxes, machines, drivers, commands, grants, ids } = parts;

  const find = async (id: string, { role }: Caller): Promise<SandboxRecord> => {
    const record = await store.read((tx) => tx.table('sandboxes').get(id));
    if (record === undefined) throw fail('record.missing', { noun: 'sandbox', id });
    drivers.permit(record.driver, role);
    if (record.state !== 'running') throw fail('sandbox.not_running', { id, state: record.state });
    return record;
  };
  const open = async (id: string, caller: Caller): Promise<SandboxClient> =>
    machines.open((await find(id, caller)).driver, id);

  return {
    create: async (wanted, { role }, id) => {
      drivers.permit(wanted.driver ?? (await driverOf(store, wanted.workspaceId)), role);
      return sandboxes.create(wanted, id);
    },
    remove: (id, { tokenId: by, name: byName }) => sandboxes.remove(id, { by, byName }),
    open: async (id, caller) => {
      const sandbox = await open(id, caller);
      if (caller.role !== 'viewer') return sandbox;
      return { ...sandbox, files: { ...sandbox.files, ...viewerFiles(sandbox) } };
    },
    shell: async (id, caller, size) => {
      const sandbox = await open(id, caller);
      const argv = ['/bin/sh', '-c', SHELL];
      return sandbox.pty({
        id: ids.new('exec'),
        argv,
        cwd: sandbox.root,
        env: { TERM: 'xterm-256color' },
        ...size,
      });
    },
    repositories: {
      status: async (id, caller, repository) => commands.status(await open(id, caller), repository),
      diff: async (id, caller, repository) => commands.diff(await open(id, caller), repository),
      commit: async (id, caller, repository, message) =>
        (await commands.commit(await open(id, caller), repository, message)).commit,
      push: async (id, caller, repository) => {
        const { workspaceId } = await find(id, caller);
        if (workspaceId === undefined) throw fail('push.refused', { ref: 'a sandbox without a workspace' });
        return commands.push(await open(id, caller), repository, { workspaceId, token: grants.tokenFor(id) });
      },
    },
  };
};

/** The driver that a workspace names; what is not named is the server's default. */
export const driverOf = async (store: Store, workspaceId: string | undefined): Promise<string | undefined> =>
  workspaceId === undefined
    ? undefined
    : (await store.read((tx) => tx.table('workspaces').get(workspaceId)))?.driver;

/**
 * What a viewer sees of the files in a sandbox: what lies below its root, without git's own folders. No link is
 * followed, because it could lead to what is no work: environments of processes, homes, logs. Whoever is inside could
 * exchange a file for a link in the meantime, and gains nothing: what it can read, it could have copied here.
 */
type Kind = 'file' | 'folder';

const viewerFiles = ({
  root,
  files,
}: Pick<Sandbox, 'root' | 'files'>): Pick<Files, 'open' | 'read' | 'list'> => {
  const shown = async (asked: string, wanted: Kind): Promise<string> => {
    const names = namesBelow(root, asked);
    for (const [index] of names.entries()) {
      const { kind } = await files.stat([root, ...names.slice(0, index + 1)].join('/'));
      const expected = index === names.length - 1 ? wanted : 'folder';
      if (kind === 'link') throw refusal(asked, 'links are not followed for a viewer');
      if (kind !== expected) throw refusal(asked, `it is no ${expected}`);
    }
    return [root, ...names].join('/');
  };
  return {
    open: async (path, maxBytes) => files.open(await shown(path, 'file'), maxBytes),
    read: async (path, maxBytes) => files.read(await shown(path, 'file'), maxBytes),
    list: async (path) => {
      const entries = await files.list(await shown(path, 'folder'));
      return entries.filter(({ name }) => name !== '.git');
    },
  };
};

const namesBelow = (root: string, asked: string): string[] => {
  const path = posix.resolve(root, asked);
  if (path !== root && !path.startsWith(`${root}/`))
    throw refusal(asked, `a viewer sees what is below ${root}; ask with an operator's token`);
  const names = path.slice(root.length).split('/').filter(Boolean);
  if (names.includes('.git')) throw refusal(asked, "git's own folders are not shown to a viewer");
  return names;
};

const refusal = (asked: string, reason: string) =>
  fail('file.refused', { path: asked.slice(0, 1000), reason });
