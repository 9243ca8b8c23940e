/**
 * The program that `measure/events.ts` starts: the real HTTP server over a real store, which writes events on demand.
 * A separate process, because its readers would otherwise share its CPU and memory.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createIds, type Store, silentLog } from '@berth/core';
import { createHttpServer } from '../../packages/server/src/http/server.ts';
import { openSqliteStore } from '../../packages/server/src/store/sqlite-store.ts';
import { systemClock as clock } from '../../packages/server/src/system/system-clock.ts';

export interface Load {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface Written {
  readonly events: number;
  readonly lastSeq: number;
  readonly tookMs: number;
  readonly peakMB: number;
}

/** Simultaneous events share a transaction, as they do with many running tasks. */
const TICK_MS = 10;

const write = async (store: Store, { perSecond, seconds }: Load): Promise<Written> => {
  const total = perSecond * seconds;
  const startedAt = performance.now();
  let events = 0;
  let peakBytes = 0;
  while (events < total) {
    const elapsedMs = performance.now() - startedAt;
    const due = Math.min(total, Math.ceil((elapsedMs * perSecond) / 1000) + 1) - events;
    await store.write(async (tx) => {
      for (let n = 0; n < due; n++) await tx.emit(FACT);
    });
    events += due;
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
    await sleep(TICK_MS);
  }
  const tookMs = performance.now() - startedAt;
  const lastSeq = await store.read((tx) => tx.lastSeq());
  return { events, lastSeq, tookMs, peakMB: peakBytes / 1e6 };
};

const FACT = { type: 'workspace.created', subject: 'ws_bench', data: { name: 'bench' } } as const;

const [home = ''] = process.argv.slice(2);
const store = await openSqliteStore({ folder: home, clock });
const http = await createHttpServer({
  config: { home, host: '127.0.0.1', port: 0, socketPath: `${home}/run/berth.sock`, allowedHosts: [] },
  ...{ store, clock, ids: createIds(clock, randomBytes), log: silentLog, version: 'bench' },
  // None of it is needed here: only the event log is read.
  services: { sandboxes: {}, system: {} } as never,
});
process.on('message', (load: Load) => void write(store, load).then((written) => process.send?.(written)));
process.once('disconnect', () => process.exit());
process.send?.(await http.listen());
