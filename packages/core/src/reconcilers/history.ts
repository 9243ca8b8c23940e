/**
 * Deletes what people may still want to inspect once its retention period is over: events, finished tasks
 * with their conversations and evidence, sandboxes that are gone, and tokens that are no longer valid.
 */
import { ENDED_TASK_STATES, type Task } from '@berth/contract';
import {
  allRows,
  defineReconciler,
  oldRows,
  pruneRows,
  type ReadTx,
  removeBelongings,
  type Summary,
} from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { forgetTask, isForgettable, listOnce } from './forget-task.ts';
import { forEachIsolated } from './isolated.ts';

const GONE = { state: 'destroyed' };
const EVENTS_PER_TRANSACTION = 500;
const MAX_EVENT_BATCHES = 200;
/** Longer than any holder could be away and still return with its old fence. */
const LEASE_GRACE_MS = 7 * 86_400_000;

export const historyReconciler = defineReconciler<Ports>({
  name: 'history',
  everyMs: 600_000,
  wakeOn: [],
  async pass(ports, signal) {
    return {
      events: await forgetEvents(ports, signal),
      sandboxes: await forgetSandboxes(ports, signal),
      tokens: await forgetTokens(ports, signal),
      leases: await forgetLeases(ports, signal),
      ...(await forgetTasks(ports, signal)),
    };
  },
});

const forgetEvents = async ({ store, clock, retention }: Ports, signal: AbortSignal): Promise<number> => {
  const before = clock.now() - retention.eventsMs;
  const { maxEvents: keep, maxEventBytes: keepBytes } = retention;
  const query = { before, keep, keepBytes, limit: EVENTS_PER_TRANSACTION };
  let forgotten = 0;
  for (let batch = 0; batch < MAX_EVENT_BATCHES; batch += 1) {
    signal.throwIfAborted();
    const some = await store.write((tx) => tx.forgetEvents(query));
    forgotten += some;
    if (some < EVENTS_PER_TRANSACTION) break;
  }
  return forgotten;
};

/**
 * A task is deleted with its last trace in the repositories; one that cannot be deleted now is left for the
 * next pass.
 */
const forgetTasks = async (ports: Ports, signal: AbortSignal): Promise<Summary> => {
  const { store, clock, retention } = ports;
  const where = { state: ENDED_TASK_STATES };
  const since = clock.now() - retention.tasksMs;
  const needed = await store.read(neededByBlocked);
  const due: Task[] = [];
  for await (const tasks of oldRows(store, { table: 'tasks', where, since }, signal))
    for (const task of tasks)
      if (!needed.has(task.id) && (await store.read((tx) => isForgettable(ports, tx, task)))) due.push(task);
  const refs = listOnce(ports);
  return forEachIsolated(ports, due, signal, (task) => forgetTask(ports, { task, refs }, signal));
};

/** How they ended is asked for until the last one that comes after them has started. */
const neededByBlocked = async (tx: ReadTx): Promise<ReadonlySet<string>> => {
  const blocked = await allRows(tx, { table: 'tasks', where: { state: ['blocked'] } });
  return new Set(blocked.flatMap(({ after = [] }) => after));
};

const forgetSandboxes = async ({ store, clock, retention }: Ports, signal: AbortSignal): Promise<number> => {
  const since = clock.now() - retention.sandboxesMs;
  let forgotten = 0;
  for await (const sandboxes of oldRows(store, { table: 'sandboxes', where: GONE, since }, signal))
    for (const { id } of sandboxes) {
      await removeBelongings(store, 'connections', { sandboxId: id }, signal);
      await store.write((tx) => tx.table('sandboxes').remove(id));
      forgotten += 1;
    }
  return forgotten;
};

const forgetTokens = ({ store, clock, retention }: Ports, signal: AbortSignal): Promise<number> => {
  const since = clock.now() - retention.tokensMs;
  return pruneRows(
    store,
    {
      table: 'tokens',
      since,
      async remove(tx, { id, revokedAt, expiresAt }) {
        const endedAt = Math.min(
          revokedAt ?? Number.POSITIVE_INFINITY,
          expiresAt ?? Number.POSITIVE_INFINITY,
        );
        if (endedAt >= since) return false;
        await tx.table('tokenSecrets').remove(id);
        return tx.table('tokens').remove(id);
      },
    },
    signal,
  );
};

const forgetLeases = ({ store, clock }: Ports, signal: AbortSignal): Promise<number> => {
  const since = clock.now() - LEASE_GRACE_MS;
  return pruneRows(
    store,
    {
      table: 'leases',
      since,
      remove: async (tx, { id, until }) => until < since && tx.table('leases').remove(id),
    },
    signal,
  );
};
