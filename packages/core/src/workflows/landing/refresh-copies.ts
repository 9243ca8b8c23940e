/** Refreshes the copies of a workspace's repositories before work starts on them. */
import type { Workspace } from '@berth/contract';
import type { Ports } from '../../ports.ts';
import { progressed } from '../../task/index.ts';

interface Refreshing {
  readonly workspace: Workspace;
  /** The attempt whose followers are told. */
  readonly attemptId?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Work continues on a copy that may be behind its source; the attempt's followers and the operator are told.
 */
export const refreshCopies = async (
  { hub, store, troubles }: Pick<Ports, 'hub' | 'store' | 'troubles'>,
  { workspace, attemptId, signal }: Refreshing,
): Promise<void> => {
  for (const repository of workspace.repositories) {
    const subject = `${workspace.id}/${repository.name}`;
    const stale = await hub.refresh(workspace.id, repository, signal);
    if (stale === undefined) {
      troubles.clear(subject);
      continue;
    }
    const since = new Date(stale.currentAt).toISOString();
    const detail = `${repository.name} may be older than its source, as of ${since}: ${stale.reason}`;
    troubles.note(subject, detail);
    if (attemptId !== undefined) await progressed(store, { attemptId, stage: 'source', detail });
  }
};
