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
