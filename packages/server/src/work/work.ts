/** The verbs of the API, led to the core: what the HTTP layer needs beyond the store. A caller's role decides the drivers. */
import type { Change } from '@berth/contract';
import type { Core, Hub, Store } from '@berth/core';
import type { Caller } from '../http/handler-types.ts';
import type { Work } from '../http/handlers/index.ts';
import type { Drivers } from '../machines/drivers.ts';
import { driverOf } from './sandbox-work.ts';

export interface WorkParts extends Pick<Work, 'sandboxes' | 'system'> {
  readonly core: Core;
  readonly hub: Hub;
  readonly store: Store;
  readonly drivers: Pick<Drivers, 'permit'>;
}

export const createWork = (parts: WorkParts): Work => ({
  workspaces: {
    create: async (wanted, { role }, signal, id) => {
      parts.drivers.permit(wanted.driver, role);
      return parts.core.workspaces.create(wanted, id, signal);
    },
    remove: (id) => parts.core.workspaces.remove(id),
  },
  tasks: tasksOf(parts),
  changes: {
    diff: (change, signal) => diffOf({ ...parts, hub: parts.hub.until(signal) }, change),
    decide: (id, decision, { tokenId: by, name: byName }) =>
      parts.core.changes.decide(id, { ...decision, by, byName }),
  },
  sandboxes: parts.sandboxes,
  system: parts.system,
});

const tasksOf = ({ core: { tasks }, store, drivers }: WorkParts): Work['tasks'] => {
  const permit = async (workspaceId: string | undefined, { role }: Caller): Promise<void> =>
    drivers.permit(await driverOf(store, workspaceId), role);
  const permitTask = async (id: string, caller: Caller): Promise<void> => {
    const task = await store.read((tx) => tx.table('tasks').get(id));
    if (task !== undefined) await permit(task.workspaceId, caller);
  };
  return {
    check: async (wanted, { role }) => {
      drivers.permit(wanted.driver, role);
      return tasks.check(wanted);
    },
    create: async (wanted, caller, id) => {
      await permit(wanted.workspaceId, caller);
      return tasks.create(wanted, id);
    },
    cancel: (id, reason) => tasks.cancel(id, reason ?? 'it was asked for'),
    retry: async (id, caller) => {
      await permitTask(id, caller);
      return tasks.retry(id);
    },
    prompt: async (id, prompt, caller) => {
      await permitTask(id, caller);
      return tasks.prompt(id, prompt);
    },
  };
};

const diffOf = async ({ hub, store }: Pick<WorkParts, 'hub' | 'store'>, change: Change): Promise<string> => {
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
