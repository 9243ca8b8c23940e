/**
 * Restarts work that waits for a slot under the limit on sandboxes when one is free. Sandboxes kept after
 * their tasks yield their slots to it, starting with the one that expires first, because inspecting finished
 * work matters less than work in progress.
 */
import { allRows, defineReconciler, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import {
  ATTEMPT_SLOT_TOPIC,
  isKept,
  LEFT_BY_ATTEMPTS,
  requestRemoval,
  SLOT_FREEING_EVENTS,
  SLOT_TOPIC,
} from '../sandbox/index.ts';

const TROUBLE = 'work waits for a sandbox';

export const slotReconciler = defineReconciler<Ports>({
  name: 'slots',
  everyMs: 30_000,
  wakeOn: SLOT_FREEING_EVENTS,
  async pass({ store, slots, queue, troubles }) {
    const waiting = await store.read(
      async (tx) =>
        (await queue.countWaiting(tx, SLOT_TOPIC)) + (await queue.countWaiting(tx, ATTEMPT_SLOT_TOPIC)),
    );
    if (waiting === 0) {
      troubles.clear(TROUBLE);
      return { waiting, givenUp: 0 };
    }
    return store.write(async (tx) => {
      const free = await slots.free(tx);
      if (free <= LEFT_BY_ATTEMPTS) troubles.note(TROUBLE, await slots.reached(tx));
      const givenUp = await giveUpKept(tx, LEFT_BY_ATTEMPTS + 1 - free);
      // Those that find no slot wait again.
      if (free > 0) await queue.hasten(tx, { topic: SLOT_TOPIC });
      if (free > LEFT_BY_ATTEMPTS) await queue.hasten(tx, { topic: ATTEMPT_SLOT_TOPIC });
      return { waiting, givenUp };
    });
  },
});

/** As many as needed, minus those already being removed. */
const giveUpKept = async (tx: Tx, missing: number): Promise<number> => {
  const leaving = await tx.table('sandboxes').count({ state: 'deleting' });
  const running = await allRows(tx, {
    table: 'sandboxes',
    where: { state: ['running', 'paused', 'stopped'] },
  });
  const first = running
    .filter(isKept)
    .sort((one, other) => (one.expiresAt ?? 0) - (other.expiresAt ?? 0))
    .slice(0, Math.max(0, missing - leaving));
  for (const { id } of first)
    await requestRemoval(tx, id, { reason: 'its task is over, and work waits for its slot' });
  return first.length;
};
