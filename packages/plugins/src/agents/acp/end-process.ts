/** Ends a command with everything it started: asked first, made to in the end. */
import type { Process } from '@berth/plugin-api';

/** Time as the client of an agent needs it; a test gives its own. */
export interface Timers {
  now(): number;
  /** Calls once after the time; the returned function forgets it. */
  after(ms: number, then: () => void): () => void;
}

export const systemTimers: Timers = {
  now: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => clearTimeout(timer);
  },
};

const AFTER_TERM_MS = 2_000;

/** `graceMs`: how long it may take to leave by itself once its input is closed. Never rejects. */
export const endProcess = async (
  process: Process,
  exited: Promise<unknown>,
  graceMs: number,
  timers: Timers,
): Promise<void> => {
  const gone = exited.then(
    () => true,
    () => true, // the sandbox is lost, and the process with it
  );
  await attempt(process.closeInput());
  if (graceMs === 0 || !(await within(gone, graceMs, timers))) {
    await attempt(process.signal('SIGTERM'));
    await within(gone, AFTER_TERM_MS, timers);
  }
  // Also when it left: what it started may have stayed.
  await attempt(process.signal('SIGKILL'));
};

/**
 * A sandbox that is lost has no process left to end, and whoever uses it next learns that it is lost. The end of the turn,
 * which is on its way to the caller, must not be replaced by that.
 */
const attempt = (work: Promise<void>): Promise<void> => work.catch(() => undefined);

const within = (gone: Promise<boolean>, ms: number, timers: Timers): Promise<boolean> => {
  const late = Promise.withResolvers<boolean>();
  const forget = timers.after(ms, () => late.resolve(false));
  return Promise.race([gone, late.promise]).finally(forget);
};

/**
 * The way from asking to making: `session/cancel`, ten seconds later `session/close`, five seconds later the processes
 * are ended. An agent that follows keeps its conversation; one that does not cannot keep anybody waiting.
 */
const BEFORE_CLOSE_MS = 10_000;
const BEFORE_END_MS = 5_000;

interface Rungs {
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
