/** Time and randomness are ports, so that a simulation owns them. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after the time, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Uniform bytes; in production from the system's generator. */
export type RandomSource = (bytes: number) => Uint8Array;

/** One appointment at a time: setting it anew drops the old one. */
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

/** How long to wait before the next try: doubled each time, up to a minute. */
const MAX_BACKOFF_MS = 60_000;

/** `tried` counts the tries so far, from 1. */
export const backoffMs = (baseMs: number, tried: number): number =>
  Math.min(MAX_BACKOFF_MS, baseMs * 2 ** Math.min(tried - 1, 30));
