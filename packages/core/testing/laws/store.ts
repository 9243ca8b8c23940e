/**
 * What every store promises (`../../src/kernel/store/store.ts`), as a suite: the in-memory and the SQL stores run the
 * same cases.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/kernel/store/store.ts';
import type { Clock } from '../../src/kernel/time/clock.ts';
import { createManualClock } from '../manual-clock.ts';
import { ageLaws } from './store-age.ts';
import { fenceLaws } from './store-fences.ts';
import { jobLaws } from './store-jobs.ts';
import { recordLaws } from './store-records.ts';
import { writeLaws } from './store-writes.ts';

/** Opens an empty store whose rows take their times from this clock. */
export type OpenStore = (
  clock: Clock,
) => Promise<{ readonly store: Store; readonly close: () => Promise<void> }>;

/** Opens a store for one case; it is closed when the case has ended. */
export type Fresh = (clock?: Clock) => Promise<Store>;

export const storeLaws = (name: string, open: OpenStore): void => {
  describe(`the store ${name}`, () => {
    const closing: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0)) await close();
    });
    const fresh: Fresh = async (clock = createManualClock()) => {
      const { store, close } = await open(clock);
      closing.push(close);
      return store;
    };

    describe('keeps records', () => recordLaws(fresh));
    describe('writes whole transactions', () => writeLaws(fresh));
    describe('hands out jobs', () => jobLaws(fresh));
    describe('fences off superseded writers', () => fenceLaws(fresh));
    describe('forgets', () => ageLaws(fresh));

    it('refuses everything after close', async () => {
      const store = await fresh();
      await store.check();
      await store.close();
      const refusal = { code: 'store.unavailable' };
      await expect(store.check()).rejects.toMatchObject(refusal);
      await expect(store.read(async (tx) => tx.lastSeq())).rejects.toMatchObject(refusal);
      await expect(store.write(async (tx) => tx.lastSeq())).rejects.toMatchObject(refusal);
    });
  });
};
