/** The cost of a command relative to an empty program: both are started alternately, so that load affects both. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { startRealServer } from '../real-server.ts';
import type { Group, Row } from '../row.ts';
import { summaryOf } from '../statistics.ts';

const BERTH = fileURLToPath(new URL('../../../packages/cli/bin/berth.js', import.meta.url));
/** The first run of each warms caches. */
const WARM_UPS = 2;
const RUNS = 20;

export const measureCli = async (): Promise<Group> => {
  await using server = await startRealServer();
  const programs = [
    { what: 'an empty Node program', args: ['--eval', '0'], times: [] as number[] },
    { what: 'berth status', args: [BERTH, 'status', '--home', server.home], times: [] as number[] },
  ];
  for (let run = 0; run < WARM_UPS + RUNS; run += 1)
    for (const { args, times } of programs) {
      const ms = await timeOf(args);
      if (run >= WARM_UPS) times.push(ms);
    }
  const rows = programs.map(({ what, times }): Row => {
    const { p50, p95, samples } = summaryOf(times);
    return { what, value: p50, p95, samples, unit: 'ms' };
  });
  const [empty, status] = rows;
  const ratio = (status?.value ?? Number.NaN) / (empty?.value ?? Number.NaN);
  rows.push({ what: 'berth status, times an empty program', value: ratio, unit: '×', bound: { atMost: 3 } });
  return { title: 'command line', rows };
};

const timeOf = async (args: readonly string[]): Promise<number> => {
  const startedAt = performance.now();
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const [exitCode] = await once(child, 'exit');
  if (exitCode !== 0) throw new Error(`${args.join(' ')} ended with ${exitCode}`);
  return performance.now() - startedAt;
};
