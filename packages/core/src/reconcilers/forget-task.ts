/**
 * Takes a finished task away: its refs in the hub, what was said and spent, then all of its records at once. In this
 * order, because a crash in between must leave a task that can be found and cleared again; and until the last
 * transaction a person may go on with the task, which then is as it was but for its old conversation.
 */
import type { Task } from '@berth/contract';
import { allRows, type ReadTx, removeBelongings, removeSome, type Tx } from '../kernel/index.ts';
import type { World } from '../world.ts';

const MAX_ATTEMPTS = 1000;
const MAX_PARTS = 10_000;

/** Whether nobody works on it, or in a sandbox of it. */
export const isForgettable = async (tx: ReadTx, { id }: Task): Promise<boolean> => {
  if ((await tx.table('jobs').count({ key: id, state: ['waiting', 'active'] })) > 0) return false;
  const unfinished = { subject: id, state: ['running', 'undoing', 'stuck'] };
  if ((await tx.table('sagas').count(unfinished)) > 0) return false;
  for (const { sandboxId = '' } of await attemptsOf(tx, id)) {
    const sandbox = await tx.table('sandboxes').get(sandboxId);
    if (sandbox !== undefined && sandbox.state !== 'destroyed') return false;
  }
  return true;
};

export const forgetTask = async (world: World, task: Task, signal: AbortSignal): Promise<void> => {
  const { store } = world;
  await dropRefs(world, task);
  const sessions = await store.read((tx) => allRows(tx, { table: 'sessions', where: { taskId: task.id } }));
  for (const { id } of sessions) await removeBelongings(store, 'items', { sessionId: id }, signal);
  await removeBelongings(store, 'ledger', { taskId: task.id }, signal);
  await store.write(async (tx) => {
    const now = await tx.table('tasks').get(task.id);
    if (now?.revision === task.revision && (await isForgettable(tx, now))) await removeRecords(tx, task.id);
  });
};

const removeRecords = async (tx: Tx, taskId: string): Promise<void> => {
  for (const { id } of await attemptsOf(tx, taskId)) {
    await removeSome(tx, 'turns', { attemptId: id }, MAX_PARTS);
  }
  for (const { id } of await changesOf(tx, taskId)) {
    await removeSome(tx, 'gateRuns', { changeId: id }, MAX_PARTS);
  }
  await removeSome(tx, 'changes', { taskId }, MAX_PARTS);
  await removeSome(tx, 'sessions', { taskId }, MAX_ATTEMPTS);
  await removeSome(tx, 'attempts', { taskId }, MAX_ATTEMPTS);
  await tx.table('tasks').remove(taskId);
};

/** Whatever is left of it: saved turns, ways back, and branches with work that never landed. */
const dropRefs = async ({ hub, store }: World, { id, workspaceId }: Task): Promise<void> => {
  const { workspace, prefixes } = await store.read(async (tx) => ({
    workspace: await tx.table('workspaces').get(workspaceId),
    prefixes: [
      `refs/heads/task/${id}`,
      ...(await attemptsOf(tx, id)).map((attempt) => `refs/berth/turns/${attempt.id}/`),
      ...(await changesOf(tx, id)).flatMap((change) => [
        `refs/berth/changes/${change.id}`,
        `refs/berth/judges/${change.id}`,
        `refs/berth/revert/${change.id}`,
      ]),
    ],
  }));
  for (const { name } of workspace?.repositories ?? [])
    for (const prefix of prefixes)
      for (const [ref, commit] of Object.entries(await hub.listRefs(workspaceId, name, prefix)))
        await hub.swap(workspaceId, name, ref, commit, undefined);
};

const attemptsOf = (tx: ReadTx, taskId: string) => allRows(tx, { table: 'attempts', where: { taskId } });

const changesOf = (tx: ReadTx, taskId: string) => allRows(tx, { table: 'changes', where: { taskId } });
