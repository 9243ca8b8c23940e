/**
 * The rights of a sandbox's token, looked up for every request. A token is valid only in the sandbox it was created
 * for, while that sandbox is usable, and while its attempt is running.
 */
import { type Attempt, allows, attemptStates, type Sandbox } from '@berth/contract';
import { type AttemptGrant, type Clock, type Grants, type ReadTx, type Store, targetRefs } from '@berth/core';
import type { EgressRule } from './egress/policy.ts';
import type { PushBudget } from './git/push-queue.ts';
import type { GitGrant } from './git/serve-git.ts';
import type { ModelGrant } from './models/relay.ts';

const USABLE: readonly string[] = ['creating', 'running', 'paused'];

export interface GrantLookup {
  /** `sandboxId`: the sandbox that presented the token. */
  forGit(token: string, sandboxId: string): Promise<GitGrant | undefined>;
  /** Only agents may use models: set-ups and gates have no reason to. */
  forModels(token: string, sandboxId: string): Promise<ModelGrant | undefined>;
  ruleOf(sandboxId: string): Promise<EgressRule | undefined>;
  /** Whether the token of a sandbox is valid now. */
  isGranted(sandboxId: string): Promise<boolean>;
}

export const createGrantLookup = (store: Store, grants: Grants, clock: Clock): GrantLookup => {
  const lasting = async (tx: ReadTx, grant: AttemptGrant | undefined): Promise<Lasting | undefined> => {
    if (grant === undefined || (grant.expiresAt ?? Number.POSITIVE_INFINITY) <= clock.now()) return undefined;
    const sandbox = await tx.table('sandboxes').get(grant.sandboxId);
    if (sandbox === undefined || !USABLE.includes(sandbox.state)) return undefined;
    if (grant.attemptId === undefined) return { grant, purpose: sandbox.purpose };
    const attempt = await tx.table('attempts').get(grant.attemptId);
    if (attempt === undefined || !allows(attemptStates, attempt.state, 'failed')) return undefined;
    return { grant, purpose: sandbox.purpose, attempt };
  };
  const find = (token: string, sandboxId: string): Promise<Lasting | undefined> =>
    store.read(async (tx) => {
      const where = { hash: grants.hash(token), sandboxId };
      const [grant] = await tx.table('grants').list({ where, limit: 1 });
      return lasting(tx, grant);
    });
  const targetsOf = async (workspaceId: string): Promise<string[]> => {
    const workspace = await store.read((tx) => tx.table('workspaces').get(workspaceId));
    return workspace === undefined ? [] : targetRefs(workspace);
  };
  return {
    forGit: async (token, sandboxId) => {
      const grant = (await find(token, sandboxId))?.grant;
      if (grant?.workspaceId === undefined) return undefined;
      const { workspaceId, writeRefs } = grant;
      // A row of an older version names none: what its work may be merged with.
      const readRefs = grant.readRefs ?? (await targetsOf(workspaceId));
      return { workspaceId, readRefs, writeRefs };
    },
    forModels: async (token, sandboxId) => {
      const found = await find(token, sandboxId);
      if (found?.attempt === undefined || found.purpose !== 'attempt') return undefined;
      return { attemptId: found.attempt.id, taskId: found.attempt.taskId };
    },
    ruleOf: (sandboxId) =>
      store.read(async (tx) => {
        const sandbox = await tx.table('sandboxes').get(sandboxId);
        if (sandbox === undefined || !USABLE.includes(sandbox.state)) return undefined;
        // A sandbox still being created is used only by its set-up.
        return { policy: sandbox.egress, during: sandbox.state === 'creating' ? 'setup' : 'work' };
      }),
    isGranted: (sandboxId) =>
      store.read(async (tx) => {
        const [grant] = await tx.table('grants').list({ where: { sandboxId }, limit: 1 });
        return (await lasting(tx, grant)) !== undefined;
      }),
  };
};

interface Lasting {
  readonly grant: AttemptGrant;
  readonly purpose: Sandbox['purpose'];
  readonly attempt?: Attempt | undefined;
}

/**
 * Bytes a sandbox has pushed, stored with its grant. Its total quota is the size of its disk: the hub keeps deleted
 * objects for a while, too.
 */
export const createPushBudget = (store: Store, defaults: { readonly diskBytes: number }): PushBudget => ({
  leftBytes: (sandboxId) =>
    store.read(async (tx) => {
      const sandbox = await tx.table('sandboxes').get(sandboxId);
      const grant = await tx.table('grants').get(sandboxId);
      return (sandbox?.limits.diskBytes ?? defaults.diskBytes) - (grant?.pushedBytes ?? 0);
    }),
  add: (sandboxId, bytes) =>
    store.write(async (tx) => {
      const grant = await tx.table('grants').get(sandboxId);
      if (grant === undefined) return;
      const pushedBytes = (grant.pushedBytes ?? 0) + bytes;
      await tx.table('grants').update(grant.id, grant.revision, { pushedBytes });
    }),
});
