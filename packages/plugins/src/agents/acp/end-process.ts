/** Ends a command with everything it started: asked first, made to in the end. */
import type { Process } from '@berth/plugin-api';
import type { Timers } from './timers.ts';

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
