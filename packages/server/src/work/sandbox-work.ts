/** What the API does inside sandboxes: opened only while their record says that they run. */
import { fail, type Sandbox as SandboxRecord } from '@berth/contract';
import type { Core, Grants, Ids, Store } from '@berth/core';
import type { RepositoryCommands } from '../git/hub/repository-commands.ts';
import type { SandboxClient } from '../guest/sandbox-client.ts';
import type { Caller } from '../http/handler-types.ts';
import type { SandboxWork } from '../http/handlers/sandbox.ts';
import type { Drivers } from '../machines/drivers.ts';
import type { ServerMachines } from '../machines/machines.ts';
import { viewerFiles } from './viewer-files.ts';

export interface SandboxWorkParts {
  readonly store: Store;
  readonly core: Pick<Core, 'sandboxes'>;
  readonly machines: ServerMachines;
  readonly drivers: Pick<Drivers, 'permit'>;
  readonly commands: RepositoryCommands;
  readonly grants: Grants;
  readonly ids: Ids;
}

/** The first of these that is inside becomes the terminal's shell. */
const SHELL = 'if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi';

export const createSandboxWork = (parts: SandboxWorkParts): SandboxWork => {
  const { store, core, machines, drivers, commands, grants, ids } = parts;

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
    create: async (wanted, { role }, _signal, id) => {
      drivers.permit(wanted.driver ?? (await driverOf(store, wanted.workspaceId)), role);
      return core.sandboxes.create(wanted, id);
    },
    remove: (id, { tokenId: by, name: byName }) => core.sandboxes.remove(id, { by, byName }),
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
