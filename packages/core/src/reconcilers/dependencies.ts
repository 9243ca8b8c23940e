/**
 * Queues blocked tasks once the tasks that they come after have completed, and fails them once one of those has
 * ended otherwise. A failure in turn fails the tasks that come after it, in the next pass.
 */
import { fail, type Task } from '@berth/contract';
import { defineReconciler, move, pagesOf, type ReadTx, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { dependenciesOf } from '../task/index.ts';
import { enqueueAttempt } from '../verbs/tasks.ts';
import { forEachIsolated } from './isolated.ts';

const BLOCKED = { table: 'tasks', where: { state: ['blocked'] } } as const;

export const dependencyReconciler = defineReconciler<Ports>({
  name: 'dependencies',
  everyMs: 60_000,
  wakeOn: ['task.completed', 'task.failed', 'task.cancelled', 'task.killed'],
  async pass(ports, signal) {
    const { store } = ports;
    const ended = { unblocked: 0, refused: 0 };
    let failed = 0;
    for await (const blocked of pagesOf(store, BLOCKED, signal)) {
      const due = await store.read((tx) => dueOf(tx, blocked));
      const page = await forEachIsolated(ports, due, signal, async ({ id }) => {
        const end = await store.write((tx) => settle(ports, tx, id));
        if (end !== undefined) ended[end] += 1;
      });
      failed += page.failed;
    }
    return { ...ended, failed };
  },
});

/** Many tasks may come after the same one, which is read once. */
const dueOf = async (tx: ReadTx, blocked: readonly Task[]): Promise<Task[]> => {
  const verdicts = new Map<string, boolean>();
  const isPending = async (id: string): Promise<boolean> => {
    const known = verdicts.get(id);
    if (known !== undefined) return known;
    const { pending } = await dependenciesOf(tx, { after: [id], attempts: 0 });
    verdicts.set(id, pending.length > 0);
    return pending.length > 0;
  };
  const due: Task[] = [];
  for (const task of blocked) {
    const pending = await Promise.all((task.after ?? []).map(isPending));
    if (!pending.every(Boolean)) due.push(task);
  }
  return due;
};

const settle = async (ports: Ports, tx: Tx, id: string): Promise<'unblocked' | 'refused' | undefined> => {
  const task = await tx.table('tasks').get(id);
  if (task?.state !== 'blocked') return undefined;
  const { pending, failed } = await dependenciesOf(tx, task);
  if (failed !== undefined) {
    const error = { ...fail('task.dependency_failed', failed).body };
    const { code, message } = error;
    const patch = { error, endedAt: ports.clock.now() };
    await move(tx, 'tasks', id, { trigger: 'failed', patch, details: { code, message } });
    return 'refused';
  }
  if (pending.length > 0) return undefined;
  await enqueueAttempt(ports, tx, await move(tx, 'tasks', id, { trigger: 'unblocked' }), task.delayMs);
  return 'unblocked';
};
