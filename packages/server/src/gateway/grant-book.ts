/** What a sandbox's token allows, looked up for every request: a sandbox that is going has no rights any more. */
import type { AttemptGrant, Clock, Grants, Store } from '@berth/core';
import type { GitGrant } from '../infra/git/serve-git.ts';
import type { EgressRule } from './egress/policy.ts';
import type { ModelGrant } from './models/relay.ts';

const USABLE: readonly string[] = ['creating', 'running', 'paused'];

export interface GrantBook {
  forGit(token: string): Promise<GitGrant | undefined>;
  forModels(token: string): Promise<ModelGrant | undefined>;
  ruleOf(sandboxId: string): Promise<EgressRule | undefined>;
}

export const createGrantBook = (store: Store, grants: Grants, clock: Clock): GrantBook => {
  const find = (token: string): Promise<AttemptGrant | undefined> =>
    store.read(async (tx) => {
      const [grant] = await tx.table('grants').list({ where: { hash: grants.hash(token) }, limit: 1 });
      if (grant === undefined || (grant.expiresAt ?? Number.POSITIVE_INFINITY) <= clock.now())
        return undefined;
      const sandbox = await tx.table('sandboxes').get(grant.sandboxId);
      return sandbox !== undefined && USABLE.includes(sandbox.state) ? grant : undefined;
    });
  return {
    forGit: async (token) => {
      const grant = await find(token);
      return grant?.workspaceId === undefined
        ? undefined
        : { workspaceId: grant.workspaceId, writeRefs: grant.writeRefs };
    },
    forModels: async (token) => {
      const attemptId = (await find(token))?.attemptId;
      if (attemptId === undefined) return undefined;
      const attempt = await store.read((tx) => tx.table('attempts').get(attemptId));
      return attempt && { attemptId, taskId: attempt.taskId };
    },
    ruleOf: (sandboxId) =>
      store.read(async (tx) => {
        const sandbox = await tx.table('sandboxes').get(sandboxId);
        if (sandbox === undefined || !USABLE.includes(sandbox.state)) return undefined;
        // Nobody but its set-up uses a sandbox that is not made yet.
        return { policy: sandbox.egress, during: sandbox.state === 'creating' ? 'setup' : 'work' };
      }),
  };
};
