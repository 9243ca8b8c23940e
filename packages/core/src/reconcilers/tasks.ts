/**
 * Ensures that no unfinished task is abandoned. One without a job in the queue (because the job was pruned,
 * given up or lost with a restored database) gets a new one, or fails if its attempt has ended.
 */
import type { Task } from '@berth/contract';
import { defineReconciler, type ReadTx, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { enqueueAttempt } from '../verbs/tasks.ts';
import { failTask, runIdOf } from '../workflows/attempt/records.ts';
import { forEachIsolated } from './isolated.ts';

const WORKING = { state: ['queued', 'spawning', 'running', 'verifying', 'landing'] };
const PAGE = 500;

export const taskReconciler = defineReconciler<Ports>({
  name: 'tasks',
  everyMs: 30_000,
  wakeOn: [],
  async pass(ports, signal) {
    let adopted = 0;
    let failed = 0;
    for (let after: string | undefined; ; ) {
      signal.throwIfAborted();
      const { abandoned, last } = await ports.store.read((tx) => look(ports, tx, after));
      const page = await forEachIsolated(ports, abandoned, signal, async ({ id }) => {
        if (await ports.store.write((tx) => adopt(ports, tx, id))) adopted += 1;
      });
      failed += page.failed;
      if (last === undefined) return { adopted, failed };
      after = last;
    }
  },
});

/** The tasks of one page without a job, and where the next page starts. */
const look = async (ports: Ports, tx: ReadTx, after: string | undefined) => {
  const tasks = await tx.table('tasks').list({ where: WORKING, after, limit: PAGE });
  const abandoned: Task[] = [];
  for (const task of tasks) if (!(await isPromised(ports, tx, task.id))) abandoned.push(task);
  return { abandoned, last: tasks.length === PAGE ? tasks.at(-1)?.id : undefined };
};

const isPromised = async ({ queue }: Ports, tx: ReadTx, id: string): Promise<boolean> =>
  (await queue.find(tx, id)).length > 0;

const adopt = async (ports: Ports, tx: Tx, id: string): Promise<boolean> => {
  const task = await tx.table('tasks').get(id);
  if (task === undefined || !WORKING.state.includes(task.state) || (await isPromised(ports, tx, id)))
    return false;
  if (task.state === 'queued' || task.attemptId === undefined) {
    await enqueueAttempt(ports, tx, task);
    return true;
  }
  const run = await tx.table('sagas').get(runIdOf(ports.ids, task.attemptId));
  if (run?.state === 'running' || run?.state === 'undoing') {
    const data = { taskId: task.id, attemptId: task.attemptId };
    await ports.queue.add(tx, 'task.run', data, { key: task.id, priority: task.priority });
  } else {
    await failTask(tx, ports, {
      taskId: task.id,
      attemptId: task.attemptId,
      error: run?.stuckAt?.error ?? run?.error,
    });
  }
  return true;
};
