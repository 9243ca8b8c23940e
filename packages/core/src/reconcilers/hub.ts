/**
 * Keeps the hub small. Copies without a workspace record are removed: half-made or half-removed ones, left by
 * a crash, at once, and ones known to have been removed after a day. Unexplained copies stay and are reported
 * as a trouble: their record was lost with part of the database, and what landed there may exist nowhere
 * else. Copies in use are garbage-collected when they have grown, preferably while nobody works there.
 */
import { fail } from '@berth/contract';
import { defineReconciler, pagesOf, type ReadTx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { NOT_DESTROYED } from '../sandbox/index.ts';
import { forEachIsolated } from './isolated.ts';

const GRACE_MS = 86_400_000;
/** Longer than a collection may take, so that one started by a killed server has ended. */
const LEASE_MS = 3_600_000;

export const hubReconciler = defineReconciler<Ports>({
  name: 'hub',
  everyMs: 3_600_000,
  wakeOn: [],
  async pass(ports, signal) {
    const { hub, store, clock } = ports;
    const old = (await hub.listWorkspaces()).filter(
      ({ changedAt, isHalfMade }) => isHalfMade || changedAt <= clock.now() - GRACE_MS,
    );
    const known = await store.read(async (tx) => {
      const rows = await Promise.all(old.map(({ id }) => tx.table('workspaces').get(id)));
      return new Set(rows.map((row) => row?.id));
    });
    const strays = old.filter(({ id }) => !known.has(id));
    const removed = await forEachIsolated(ports, strays, signal, async ({ id, isHalfMade }) => {
      if (!isHalfMade && !(await wasRemoved(ports, id))) throw fail('workspace.record_lost', { id });
      await hub.removeWorkspace(id);
    });
    for (const { id, isHalfMade } of old) if (isHalfMade && known.has(id)) await hub.recorded(id);
    return { ...removed, collected: await collect(ports, signal) };
  },
});

const wasRemoved = ({ store }: Ports, id: string): Promise<boolean> =>
  store.read(
    async (tx) =>
      (await tx.events({ afterSeq: 0, limit: 1, subject: id, type: 'workspace.removed' })).length > 0,
  );

const collect = async (ports: Ports, signal: AbortSignal): Promise<number> => {
  const workspaces = (await Array.fromAsync(pagesOf(ports.store, { table: 'workspaces' }, signal))).flat();
  let collected = 0;
  const repositories = workspaces.flatMap(({ id: workspaceId, repositories }) =>
    repositories.map(({ name }) => ({ id: `hub/${workspaceId}/${name}`, workspaceId, name })),
  );
  await forEachIsolated(ports, repositories, signal, async (one) => {
    if (await collectOne(ports, one)) collected += 1;
  });
  return collected;
};

/**
 * Holds a lease on the repository, so that collections never overlap, even if a killed server's git is still
 * running.
 */
const collectOne = async (
  { hub, store, leases }: Ports,
  { id, workspaceId, name }: { readonly id: string; readonly workspaceId: string; readonly name: string },
): Promise<boolean> => {
  const held = await leases.acquire(id, LEASE_MS);
  if (held === undefined) return false;
  const isQuiet = await store.read((tx) => isIdle(tx, workspaceId));
  const isDone = await hub.maintain(workspaceId, name, isQuiet);
  await leases.release(held);
  return isDone;
};

const UNDER_WAY = ['spawning', 'running', 'verifying', 'landing'];

/** Without a sandbox nobody can push, and without a task nothing lands. */
const isIdle = async (tx: ReadTx, workspaceId: string): Promise<boolean> =>
  (await tx.table('sandboxes').count({ workspaceId, state: NOT_DESTROYED })) === 0 &&
  (await tx.table('tasks').count({ workspaceId, state: UNDER_WAY })) === 0;
