/** One appointment at a time: setting it anew drops the old one. */
import type { Clock } from './clock.ts';

export interface Alarm {
  /** Rings at a moment, at once when it has passed, and in any case within the hour. */
  set(at: number): void;
  stop(): void;
}

/** So that a clock that jumps is noticed; timers of the platform could hold 24 days. */
const LONGEST_SLEEP_MS = 3_600_000;

export const createAlarm = (clock: Clock, ring: () => void): Alarm => {
  let appointment = new AbortController();
  const stop = (): void => appointment.abort();
  return {
    stop,
    set(at) {
      stop();
      appointment = new AbortController();
      const sleep = clock.sleep(Math.min(at - clock.now(), LONGEST_SLEEP_MS), appointment.signal);
      // A sleep rejects only because it was dropped.
      sleep.then(ring, () => undefined);
    },
  };
};
