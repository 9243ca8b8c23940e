/** Server start-up time, and idle memory. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRealServer } from '../real-server.ts';
import type { Group } from '../row.ts';
import { summaryOf } from '../statistics.ts';

const STARTS = 7;
/** Long enough for garbage of the start-up to be collected. */
const SETTLE_MS = 3000;

export const measureServer = async (): Promise<Group> => {
  const starts: number[] = [];
  let idleMB = 0;
  for (let n = 1; n <= STARTS; n++) {
    await using server = await startRealServer();
    starts.push(server.readyMs);
    if (n < STARTS) continue;
    await sleep(SETTLE_MS);
    idleMB = residentMB(server.pid);
  }
  const { p50, p95, samples } = summaryOf(starts);
  return {
    title: 'server',
    rows: [
      { what: 'process start → takes work', value: p50, p95, samples, unit: 'ms', bound: { atMost: 500 } },
      { what: 'resident memory, idle', value: idleMB, unit: 'MB', bound: { atMost: 120 } },
    ],
  };
};

const residentMB = (pid: number): number => {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
};
