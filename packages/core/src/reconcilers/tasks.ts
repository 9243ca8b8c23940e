/**
 * No task is without somebody who works on it. A task that is neither finished nor promised in the queue (a job was
 * pruned, given up, or lost with a restored database) gets a job again, or is failed when its attempt has ended.
 */
import type { Task } from '@berth/contract';
import { defineReconciler, type Tx } from '../kernel/index.ts';
import { enqueueAttempt } from '../verbs/tasks.ts';
import { runIdOf } from '../workflows/attempt.ts';
import { failTask } from '../workflows/attempt-records.ts';
import type { World } from '../world.ts';

const WORKING = ['queued', 'spawning', 'running', 'verifying', 'landing'];
const JOBS_KEPT_MS = 7 * 86_400_000;

export const taskReconciler = defineReconciler<World>({
  name: 'tasks',
  everyMs: 30_000,
  wakeOn: [],
  async pass(world) {
    const adopted = await world.store.write(async (tx) => {
      const tasks = await tx.table('tasks').list({ where: { state: WORKING } });
      let count = 0;
      for (const task of tasks) if (await adopt(world, tx, task)) count += 1;
      return count;
    });
    return { adopted, pruned: await world.queue.prune(world.clock.now() - JOBS_KEPT_MS) };
  },
});

const adopt = async (world: World, tx: Tx, task: Task): Promise<boolean> => {
  if ((await tx.table('jobs').count({ key: task.id, state: ['waiting', 'active'] })) > 0) return false;
  if (task.state === 'queued' || task.attemptId === undefined) {
    await enqueueAttempt(world, tx, task);
    return true;
  }
  const run = await tx.table('sagas').get(runIdOf(world.ids, task.attemptId));
  if (run?.state === 'running' || run?.state === 'undoing') {
    const data = { taskId: task.id, attemptId: task.attemptId };
    await world.queue.add(tx, 'task.run', data, { key: task.id, priority: task.priority });
  } else {
    await failTask(tx, world, {
      taskId: task.id,
      attemptId: task.attemptId,
      error: run?.stuckAt?.error ?? run?.error,
    });
  }
  return true;
};
