/**
 * How long a guest may be silent while a call is waiting for it, across all attempts and connections. Answered pings
 * count, so a guest that is working may take its time.
 */

import type { Http2Session } from 'node:http2';
import { untrustworthy } from './preface.ts';

export const SILENCE_MS = 30_000;

export interface GuestLiveness {
  readonly silenceMs: number;
  heard(): void;
  /** `since`: when the call began. Rejects with `sandbox.unreachable`, which no retry will fix. */
  within<T>(since: number, act: () => Promise<T>): Promise<T>;
}

interface GuestLivenessParts {
  readonly id: string;
  readonly silenceMs: number;
  /** Closes the connection that nothing comes from. */
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
        // Reads what arrived while the server was busy first.
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

/** Detects a silent guest: sends a ping at an interval, and closes the session when one is not answered. */
export const keepAlive = (session: Http2Session, hearing?: GuestLiveness): void => {
  // Two intervals within the limit: a live guest is heard twice before it counts as silent.
  const intervalMs = (hearing?.silenceMs ?? SILENCE_MS) / 2;
  let outstanding = false;
  const timer = setInterval(() => {
    if (session.destroyed || session.closed) return;
    if (outstanding) {
      session.destroy(new RangeError(`the guest did not answer a ping within ${intervalMs} ms`));
      return;
    }
    outstanding = true;
    session.ping(() => {
      outstanding = false;
      hearing?.heard();
    });
  }, intervalMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
};
