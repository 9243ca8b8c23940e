/** What the API does inside sandboxes: opened only while their record says that they run. */
import { fail, type Sandbox as SandboxRecord } from '@berth/contract';
import type { Core, Grants, Ids, Store } from '@berth/core';
import type { SandboxWork } from '../http/handlers/sandbox.ts';
import type { RepositoryCommands } from '../infra/git/repository-commands.ts';
import type { SandboxClient } from '../infra/guest/sandbox-client.ts';
import type { ServerMachines } from '../infra/machines/machines.ts';

export interface SandboxWorkParts {
  readonly store: Store;
  readonly core: Pick<Core, 'sandboxes'>;
  readonly machines: ServerMachines;
  readonly commands: RepositoryCommands;
  readonly grants: Grants;
  readonly ids: Ids;
}

/** The first of these that is inside becomes the terminal's shell. */
const SHELL = 'if [ -x /bin/bash ]; then exec /bin/bash -l; else exec /bin/sh -l; fi';

export const createSandboxWork = (parts: SandboxWorkParts): SandboxWork => {
  const { store, core, machines, commands, grants, ids } = parts;

  const find = async (id: string): Promise<SandboxRecord> => {
    const record = await store.read((tx) => tx.table('sandboxes').get(id));
    if (record === undefined) throw fail('record.missing', { noun: 'sandbox', id });
    if (record.state !== 'running') throw fail('sandbox.not_running', { id, state: record.state });
    return record;
  };
  const open = async (id: string): Promise<SandboxClient> => machines.open((await find(id)).driver, id);

  return {
    create: (wanted, _caller, _signal, id) => core.sandboxes.create(wanted, id),
    remove: (id) => core.sandboxes.remove(id),
    open,
    shell: async (id, size) => {
      const sandbox = await open(id);
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
      status: async (id, repository) => commands.status(await open(id), repository),
      diff: async (id, repository) => commands.diff(await open(id), repository),
      commit: async (id, repository, message) =>
        (await commands.commit(await open(id), repository, message)).commit,
      push: async (id, repository) => {
        const { workspaceId } = await find(id);
        if (workspaceId === undefined) throw fail('push.refused', { ref: 'a sandbox without a workspace' });
        return commands.push(await open(id), repository, { workspaceId, token: grants.tokenFor(id) });
      },
    },
  };
};
