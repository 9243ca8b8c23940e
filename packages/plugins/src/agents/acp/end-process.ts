/** Ends a command with everything it started: SIGTERM first, SIGKILL last. */
import type { Process } from '@berth/plugin-api';

/** The timers of an ACP client; a test passes its own. */
export interface Timers {
  now(): number;
  /** Calls once after the time; the returned function cancels it. */
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

/** `graceMs`: how long it may take to exit by itself once its input is closed. Never rejects. */
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
  // Also when it exited: its children may be left.
  await attempt(process.signal('SIGKILL'));
};

/**
 * A lost sandbox has no process left to end, and its next user will get the error. It must not replace the result of
 * the turn.
 */
const attempt = (work: Promise<void>): Promise<void> => work.catch(() => undefined);

const within = (gone: Promise<boolean>, ms: number, timers: Timers): Promise<boolean> => {
  const late = Promise.withResolvers<boolean>();
  const forget = timers.after(ms, () => late.resolve(false));
  return Promise.race([gone, late.promise]).finally(forget);
};

/**
 * Escalating cancellation: `session/cancel`, ten seconds later `session/close`, five seconds later the processes are
 * killed. An agent that complies keeps its conversation; one that does not cannot block anyone.
 */
const BEFORE_CLOSE_MS = 10_000;
const BEFORE_END_MS = 5_000;

interface Rungs {
  cancel(): void;
  close(): void;
  end(): void;
}

/** Returns a function that stops the escalation. */
export const climbCancelLadder = (rungs: Rungs, timers: Timers): (() => void) => {
  rungs.cancel();
  let forget = timers.after(BEFORE_CLOSE_MS, () => {
    rungs.close();
    forget = timers.after(BEFORE_END_MS, rungs.end);
  });
  return () => forget();
};
