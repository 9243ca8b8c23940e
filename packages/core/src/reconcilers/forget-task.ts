/**
 * Deletes a finished task: its refs in the hub, its conversation and costs, then all of its records at once.
 * The order matters: after a crash halfway through, the task must still be found and deleted again. Until the
 * last transaction a person may continue the task, which is then intact except for its old conversation.
 */
import type { Task } from '@berth/contract';
import { allRows, type ReadTx, removeBelongings, removeSome, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { isNotDestroyed } from '../sandbox/index.ts';

const MAX_ATTEMPTS = 1000;
const MAX_PARTS = 10_000;

/** Whether nobody works on it or in one of its sandboxes. */
export const isForgettable = async ({ queue }: Ports, tx: ReadTx, { id }: Task): Promise<boolean> => {
  if ((await queue.find(tx, id)).length > 0) return false;
  const unfinished = { subject: id, state: ['running', 'undoing', 'stuck'] };
  if ((await tx.table('sagas').count(unfinished)) > 0) return false;
  for (const { sandboxId = '' } of await attemptsOf(tx, id)) {
    if (isNotDestroyed(await tx.table('sandboxes').get(sandboxId))) return false;
  }
  return true;
};

export const forgetTask = async (
  ports: Ports,
  { task, refs }: { readonly task: Task; readonly refs: RefsByRepository },
  signal: AbortSignal,
): Promise<void> => {
  const { store } = ports;
  await dropRefs(ports, task, refs);
  const sessions = await store.read((tx) => allRows(tx, { table: 'sessions', where: { taskId: task.id } }));
  for (const { id } of sessions) await removeBelongings(store, 'items', { sessionId: id }, signal);
  await removeBelongings(store, 'ledger', { taskId: task.id }, signal);
  await store.write(async (tx) => {
    const now = await tx.table('tasks').get(task.id);
    if (now?.revision === task.revision && (await isForgettable(ports, tx, now)))
      await removeRecords(tx, task.id);
  });
};

const removeRecords = async (tx: Tx, taskId: string): Promise<void> => {
  for (const { id } of await attemptsOf(tx, taskId)) {
    await removeSome(tx, 'turns', { attemptId: id }, MAX_PARTS);
    await removeSome(tx, 'permissions', { attemptId: id }, MAX_PARTS);
  }
  for (const { id } of await changesOf(tx, taskId)) {
    await removeSome(tx, 'gateRuns', { changeId: id }, MAX_PARTS);
  }
  await removeSome(tx, 'changes', { taskId }, MAX_PARTS);
  await removeSome(tx, 'sessions', { taskId }, MAX_ATTEMPTS);
  await removeSome(tx, 'attempts', { taskId }, MAX_ATTEMPTS);
  await tx.table('tasks').remove(taskId);
};

/**
 * The refs of a repository, grouped by the record they are named after; listed once per pass, because each
 * listing starts a process.
 */
export type RefsByRepository = (workspaceId: string, repository: string) => Promise<RefsByRecord>;
type RefsByRecord = ReadonlyMap<string, readonly (readonly [ref: string, commit: string])[]>;

const NAMED_AFTER = /^refs\/(?:heads\/task|berth\/[a-z]+)\/([a-z]+_[0-9a-z]+)/;

export const listOnce = ({ hub }: Ports): RefsByRepository => {
  const listed = new Map<string, Promise<RefsByRecord>>();
  const list = async (workspaceId: string, repository: string): Promise<RefsByRecord> => {
    const branches = await Promise.all(
      ['refs/heads/task/', 'refs/berth/'].map((prefix) => hub.listRefs(workspaceId, repository, prefix)),
    );
    const refs = branches.flatMap((one) => Object.entries(one));
    return Map.groupBy(refs, ([ref]) => NAMED_AFTER.exec(ref)?.[1] ?? '');
  };
  return (workspaceId, repository) => {
    const key = `${workspaceId}/${repository}`;
    const refs = listed.get(key) ?? list(workspaceId, repository);
    listed.set(key, refs);
    return refs;
  };
};

/** Everything left of it: saved turns, revert points, and branches with work that never landed. */
const dropRefs = async (
  { hub, store }: Ports,
  { id, workspaceId }: Task,
  refs: RefsByRepository,
): Promise<void> => {
  const { workspace, records } = await store.read(async (tx) => ({
    workspace: await tx.table('workspaces').get(workspaceId),
    records: [id, ...(await attemptsOf(tx, id)).map(idOf), ...(await changesOf(tx, id)).map(idOf)],
  }));
  for (const { name } of workspace?.repositories ?? []) {
    const byRecord = await refs(workspaceId, name);
    for (const [ref, commit] of records.flatMap((record) => byRecord.get(record) ?? []))
      await hub.swap(workspaceId, name, ref, commit, undefined);
  }
};

const idOf = ({ id }: { readonly id: string }): string => id;

const attemptsOf = (tx: ReadTx, taskId: string) => allRows(tx, { table: 'attempts', where: { taskId } });

const changesOf = (tx: ReadTx, taskId: string) => allRows(tx, { table: 'changes', where: { taskId } });
