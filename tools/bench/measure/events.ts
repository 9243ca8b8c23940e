/**
 * The log of events read live by 200 clients over real sockets. The rate grows until readers fall behind; the result
 * is the highest rate at which every reader got every event immediately, and the server's memory usage.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type ClientRequest, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Load, Written } from '../events-server.ts';
import type { Group } from '../row.ts';

const PROGRAM = fileURLToPath(new URL('../events-server.ts', import.meta.url));
const READERS = 200;
const RATES = [250, 500, 1000, 2000, 4000, 7000, 10_000, 14_000];
const SECONDS = 2;
/** A rate is not sustained when the writer, or the slowest reader after it, is this late. */
const LATE_MS = 500;
/** More than the readers' own buffers together. */
const BOUNDED_MB = 600;

export const measureEvents = async (): Promise<Group> => {
  const home = mkdtempSync(join(tmpdir(), 'berth-events-'));
  const child = fork(PROGRAM, [home], { stdio: 'inherit' });
  const told = <T>(): Promise<T> =>
    new Promise((resolve) => child.once('message', (said) => resolve(said as T)));
  try {
    const { address, ownerTokenPath } = await told<{ address: string; ownerTokenPath: string }>();
    const token = readFileSync(ownerTokenPath, 'utf8').trim();
    let held = 0;
    let peakMB = 0;
    for (const perSecond of RATES) {
      const readers = await Promise.all(Array.from({ length: READERS }, () => openReader(address, token)));
      const answer = told<Written>();
      child.send({ perSecond, seconds: SECONDS } satisfies Load);
      const { events, lastSeq, tookMs, peakMB: peak } = await answer;
      const readAll = await Promise.all(readers.map((reader) => reader.reached(lastSeq)));
      for (const reader of readers) reader.close();
      if (tookMs > SECONDS * 1000 + LATE_MS || readAll.includes(false)) break;
      held = Math.round((events / tookMs) * 1000);
      peakMB = peak;
    }
    return {
      title: `live events to ${READERS} readers`,
      rows: [
        { what: 'written, all read by all', value: held, unit: 'events/s', bound: { atLeast: 10_000 } },
        { what: 'delivered in sum', value: held * READERS, unit: 'events/s' },
        { what: 'memory of the server meanwhile', value: peakMB, unit: 'MB', bound: { atMost: BOUNDED_MB } },
      ],
    };
  } finally {
    child.disconnect();
    rmSync(home, { recursive: true });
  }
};

interface Reader {
  /** False when the event does not arrive in time, or the server dropped this reader. */
  reached(seq: number): Promise<boolean>;
  close(): void;
}

/** Extracts only the sequence number of the last event: parsing would measure the reader. */
const openReader = (address: string, token: string): Promise<Reader> =>
  new Promise((resolve, reject) => {
    let end = '';
    let look = (): void => undefined;
    let closed = false;
    const request: ClientRequest = get(
      `${address}/v1/events`,
      { agent: false, headers: { authorization: `Bearer ${token}` } },
      (response) => {
        response.on('data', (chunk: Buffer) => {
          end = (end + chunk.toString('latin1', Math.max(0, chunk.length - TAIL_BYTES))).slice(-TAIL_BYTES);
          look();
        });
        response.once('close', () => {
          closed = true;
          look();
        });
        resolve({
          close: () => void request.destroy(),
          reached: (seq) =>
            new Promise((done) => {
              const late = setTimeout(() => done(false), LATE_MS);
              look = () => {
                if (!closed && !end.includes(`id: ${seq}\n`)) return;
                clearTimeout(late);
                done(!closed);
              };
              look();
            }),
        });
      },
    );
    request.once('error', reject);
  });

/** Holds at least one whole event. */
const TAIL_BYTES = 2000;
