/** Continues landings that wait for a change with precedence, when it may have landed or failed. */
import { PRECEDENCE_TOPIC } from '../change/index.ts';
import { defineReconciler } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

export const precedenceReconciler = defineReconciler<Ports>({
  name: 'precedence',
  everyMs: 600_000,
  wakeOn: ['change.merged', 'change.rejected', 'task.completed', 'task.failed', 'task.cancelled'],
  async pass({ store, queue }) {
    const waiting = await store.read((tx) => queue.countWaiting(tx, PRECEDENCE_TOPIC));
    // Those that are still held back wait again.
    if (waiting > 0) await store.write((tx) => queue.hasten(tx, { topic: PRECEDENCE_TOPIC }));
    return { waiting };
  },
});
