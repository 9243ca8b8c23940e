/** Time and randomness are ports, so that a simulation controls them. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Uniformly random bytes; in production from the operating system. */
export type RandomSource = (bytes: number) => Uint8Array;

/** Holds one deadline at a time: setting a new one replaces the old. */
export interface Alarm {
  /** Rings at the given time, or at once if it has passed, and in any case within an hour. */
  set(at: number): void;
  stop(): void;
}

/** Notices clock jumps; the platform's timers alone would allow 24 days. */
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
      // A sleep rejects only if it was aborted.
      sleep.then(ring, () => undefined);
    },
  };
};

/** The delay before the next attempt: doubles each time, up to a minute. */
const MAX_BACKOFF_MS = 60_000;

/** `tried` is the number of attempts so far, from 1. */
export const backoffMs = (baseMs: number, tried: number): number =>
  Math.min(MAX_BACKOFF_MS, baseMs * 2 ** Math.min(tried - 1, 30));
