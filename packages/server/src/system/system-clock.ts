/** The machine's own time and randomness. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock, RandomSource } from '@berth/core';

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => {
    // An aborted sleep rejects with the reason itself, as the port says, not with Node's own error around it. A time
    // in the past is now: Node would warn about a negative delay.
    return sleep(Math.max(0, ms), undefined, { signal }).catch(() => Promise.reject(signal?.reason));
  },
};

export const systemRandom: RandomSource = (bytes) => randomBytes(bytes);

/** SHA-256 of a text in UTF-8, hex. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
