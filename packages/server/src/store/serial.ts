/** Transactions, one after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long transactions may follow on each other before everything else gets a turn. */
const LONGEST_HOLD_MS = 10;

/**
 * Runs tasks one after the other, in the order in which they were asked for. The database answers at once, so whoever
 * asks for one thing after another would hold the whole process until he has all of it: now and then the others are let
 * through.
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
