/** From the call that adds a job to its handler: two durable SQLite commits, the enqueue and the claim. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIds, createQueue } from '@berth/core';
import { openSqliteStore } from '../../../packages/server/src/store/sqlite-store.ts';
import { systemClock as clock } from '../../../packages/server/src/system/system-clock.ts';
import type { Group } from '../row.ts';
import { summaryOf } from '../statistics.ts';

const WARMUPS = 20;
const JOBS = 300;

export const measureQueue = async (): Promise<Group> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-queue-'));
  const store = await openSqliteStore({ folder, clock });
  const queue = createQueue({ store, clock, ids: createIds(clock, randomBytes), owner: 'bench' });
  try {
    let started = (): void => undefined;
    queue.process('bench', async () => started(), { concurrency: 1 });
    const samples: number[] = [];
    for (let n = -WARMUPS; n < JOBS; n++) {
      const start = new Promise<void>((resolve) => {
        started = resolve;
      });
      const askedAt = performance.now();
      await queue.add(undefined, 'bench', { n });
      await start;
      if (n >= 0) samples.push(performance.now() - askedAt);
      // The end of one job is committed before the next is enqueued.
      while ((await queue.stats()).active > 0);
    }
    const { p50, p95, samples: n } = summaryOf(samples);
    const row = { what: 'SQLite, synchronous=FULL', value: p50, p95, samples: n, unit: 'ms' } as const;
    return { title: 'enqueue → start of a job', rows: [{ ...row, bound: { atMost: 5 } }] };
  } finally {
    await queue.close();
    await store.close();
    rmSync(folder, { recursive: true });
  }
};
