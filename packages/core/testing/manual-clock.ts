/** A clock that stands still until it is moved: sleeping costs nothing, and the wake-up order is exact. */
import type { Clock } from '../src/kernel/time/clock.ts';

export interface ManualClock extends Clock {
  /** Moves forward, waking each sleeper at its own time and letting it act before the next. */
  advance(ms: number): Promise<void>;
  /** Moves from sleeper to sleeper until the work settles, and settles as it does. */
  through<T>(work: Promise<T>): Promise<T>;
}

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export const createManualClock = (startMs = 1_700_000_000_000): ManualClock => {
  let now = startMs;
  const sleepers = new Set<Sleeper>();

  const first = (): Sleeper | undefined =>
    [...sleepers].reduce<Sleeper | undefined>(
      (soonest, one) => (soonest === undefined || one.due < soonest.due ? one : soonest),
      undefined,
    );

  const wakeFirst = async (until: number): Promise<boolean> => {
    await turn();
    const sleeper = first();
    if (sleeper === undefined || sleeper.due > until) return false;
    now = Math.max(now, sleeper.due);
    sleeper.wake();
    return true;
  };

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const end = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', abort);
        };
        const abort = (): void => {
          end();
          reject(signal?.reason);
        };
        const wake = (): void => {
          end();
          resolve();
        };
        const sleeper = { due: now + Math.max(0, ms), wake };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', abort, { once: true });
      }),
    async advance(ms) {
      const until = now + ms;
      while (await wakeFirst(until));
      now = until;
      await turn();
    },
    async through(work) {
      let ended = false;
      const end = (): void => {
        ended = true;
      };
      work.then(end, end);
      while (!ended) await wakeFirst(Number.POSITIVE_INFINITY);
      return work;
    },
  };
};

/** Lets everything that is ready run first. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
