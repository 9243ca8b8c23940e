/** Runs transactions one at a time. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long transactions may run back to back before everything else gets a turn. */
const LONGEST_HOLD_MS = 10;

/**
 * Runs tasks one at a time, in order of arrival. The database answers synchronously, so a caller with many queries
 * would block the whole process until it has them all: now and then others get a turn.
 */
export const createSerial = (): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve();
  let turnAt = Number.NEGATIVE_INFINITY;
  const breathe = async (): Promise<void> => {
    if (performance.now() - turnAt < LONGEST_HOLD_MS) return;
    await nextTurn();
    turnAt = performance.now();
  };
  return (task) => {
    const begin = (): ReturnType<typeof task> => breathe().then(task);
    const run = last.then(begin, begin);
    last = run.catch(() => undefined);
    return run;
  };
};
