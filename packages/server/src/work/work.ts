/** The verbs of the API, led to the core: what the HTTP layer needs beyond the store. */
import type { Change } from '@berth/contract';
import type { Core, Hub, Store } from '@berth/core';
import type { Work } from '../http/handlers/index.ts';

export interface WorkParts extends Pick<Work, 'sandboxes' | 'system'> {
  readonly core: Core;
  readonly hub: Hub;
  readonly store: Store;
}

export const createWork = ({ core, hub, store, sandboxes, system }: WorkParts): Work => ({
  workspaces: {
    create: (wanted, _caller, _signal, id) => core.workspaces.create(wanted, id),
    remove: (id) => core.workspaces.remove(id),
  },
  tasks: {
    create: (wanted, _caller, id) => core.tasks.create(wanted, id),
    cancel: (id, reason) => core.tasks.cancel(id, reason ?? 'it was asked for'),
    retry: (id) => core.tasks.retry(id),
    prompt: (id, prompt) => core.tasks.prompt(id, prompt),
  },
  changes: { diff: (change) => diffOf({ hub, store }, change) },
  sandboxes,
  system,
});

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
