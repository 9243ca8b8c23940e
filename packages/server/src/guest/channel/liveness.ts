/**
 * How long a guest may say nothing while something is asked of it, over all tries and connections. The pings of a
 * connection count as words, so a guest that is at work may take its time.
 */
import { untrustworthy } from './preface.ts';

export const SILENCE_MS = 30_000;

export interface GuestLiveness {
  readonly silenceMs: number;
  heard(): void;
  /** `since`: when the asking began. Rejects with `sandbox.unreachable`, which no other try will mend. */
  within<T>(since: number, act: () => Promise<T>): Promise<T>;
}

export interface GuestLivenessParts {
  readonly id: string;
  readonly silenceMs: number;
  /** Ends the connection that nothing comes from. */
  readonly hangUp: () => void;
}

export const createGuestLiveness = ({ id, silenceMs, hangUp }: GuestLivenessParts): GuestLiveness => {
  let heardAt = Number.NEGATIVE_INFINITY;
  return {
    silenceMs,
    heard: () => {
      heardAt = performance.now();
    },
    within: async (since, act) => {
      const { promise: silent, reject } = Promise.withResolvers<never>();
      let timer: ReturnType<typeof setTimeout> | undefined;
      let isOver = false;
      const leftMs = (): number => Math.max(since, heardAt) + silenceMs - performance.now();
      const look = (): void => {
        if (isOver) return;
        if (leftMs() > 0) wait();
        else {
          reject(untrustworthy(id, `it said nothing for ${silenceMs} ms`));
          hangUp();
        }
      };
      const wait = (): void => {
        // What came while the server was busy is read first.
        timer = setTimeout(() => setImmediate(look), Math.max(0, leftMs()));
      };
      wait();
      try {
        return await Promise.race([act(), silent]);
      } finally {
        isOver = true;
        clearTimeout(timer);
      }
    },
  };
};
