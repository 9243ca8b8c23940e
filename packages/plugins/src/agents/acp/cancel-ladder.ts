/**
 * The way from asking to making: `session/cancel`, ten seconds later `session/close`, five seconds later the processes
 * are ended. An agent that follows keeps its conversation; one that does not cannot keep anybody waiting.
 */
import type { Timers } from './timers.ts';

const BEFORE_CLOSE_MS = 10_000;
const BEFORE_END_MS = 5_000;

export interface Rungs {
  cancel(): void;
  close(): void;
  end(): void;
}

/** Returns the way to step off. */
export const climbCancelLadder = (rungs: Rungs, timers: Timers): (() => void) => {
  rungs.cancel();
  let forget = timers.after(BEFORE_CLOSE_MS, () => {
    rungs.close();
    forget = timers.after(BEFORE_END_MS, rungs.end);
  });
  return () => forget();
};
