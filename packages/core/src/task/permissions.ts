/** The answers to an agent's permission requests. */
import type { PermissionDecision, PermissionRequest } from '@berth/plugin-api';
import { isStop, type Store, unlessAborted } from '../kernel/index.ts';
import type { Permissions } from '../ports.ts';

/** The sandbox is the boundary, and nobody watches: what may be allowed once is. */
export const ALLOW_ONCE: Permissions = {
  decide: async ({ offered }) =>
    (['allow_once', 'reject_once'] as const).find((one) => offered.includes(one)) ?? 'cancelled',
};

/** An agent that asks more often is rejected, and nothing is stored. */
const MAX_PER_ATTEMPT = 10_000;

export interface Asking {
  readonly attemptId: string;
  readonly execId: string;
  readonly stop: AbortSignal;
}

/**
 * Stores each decision before it returns it. A request that has been decided, before a crash or by a server that
 * has been superseded, gets the same answer again, and nobody is asked.
 */
export const createDecisions =
  ({ store, permissions }: { readonly store: Store; readonly permissions: Permissions }, asking: Asking) =>
  async (request: PermissionRequest): Promise<PermissionDecision> => {
    const { attemptId, execId, stop } = asking;
    const id = `${execId}/${request.id}`;
    try {
      const known = await store.read(async (tx) => ({
        row: await tx.table('permissions').get(id),
        isFull: (await tx.table('permissions').count({ attemptId })) >= MAX_PER_ATTEMPT,
      }));
      if (known.row !== undefined) return known.row.decision;
      if (known.isFull) return request.offered.includes('reject_once') ? 'reject_once' : 'cancelled';
      const decision = await unlessAborted(permissions.decide(request, stop), stop);
      return await store.write(async (tx) => {
        const { title } = request;
        const made = await tx.table('permissions').get(id);
        return (made ?? (await tx.table('permissions').insert({ id, attemptId, title, decision }))).decision;
      });
    } catch (error) {
      // The agent keeps waiting for its answer, which the next server sends.
      if (stop.aborted || isStop(error)) return new Promise(() => undefined);
      throw error;
    }
  };
