/** Seeded randomness: the same seed gives the same run, so a failed run can be repeated. */
import type { RandomSource } from '../../src/kernel/index.ts';

export interface Dice {
  /** Below `limit`, from 0. */
  below(limit: number): number;
  /** True with this probability in percent. */
  percent(probability: number): boolean;
  readonly bytes: RandomSource;
}

/** Mulberry32. */
export const createDice = (seed: number): Dice => {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    percent: (probability) => next() * 100 < probability,
    bytes: (count) => Uint8Array.from({ length: count }, () => below(256)),
  };
};
