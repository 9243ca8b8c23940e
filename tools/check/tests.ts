/** Runs Vitest with coverage and counts: tests, files that failed to load, and the coverage threshold. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Outcome } from './outcome.ts';
import { projectOf } from './projects.ts';
import { run } from './run.ts';

export interface Report {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    /** Milliseconds since 1970. */
    readonly startTime: number;
    readonly endTime: number;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

export const runTests = async (root: string): Promise<Outcome> => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-check-'));
  const file = join(folder, 'report.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const options = ['--coverage', `--maxWorkers=${workers()}`, ...reporters];
    const { exitCode } = await run(root, 'vitest', ['run', ...options], { live: true });
    const report: Report = JSON.parse(readFileSync(file, 'utf8'));
    for (const line of timesOf(report, root)) console.log(line);
    return count(report, exitCode, root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/**
 * Files at a time. Vitest leaves one core free, which on two cores means one file after another: 40 minutes instead of 24,
 * as most tests wait for processes that they started. More than four would compete for the same disk and kernel limits.
 */
const workers = (): number => Math.min(Math.max(availableParallelism(), 2), 4);

/** The total time of each kind of tests, summed over its files. */
export const timesOf = ({ testResults }: Pick<Report, 'testResults'>, root: string): string[] => {
  const byProject = Map.groupBy(testResults, ({ name }) => projectOf(relative(root, name)) ?? 'no project');
  return [...byProject].map(([project, results]) => {
    const seconds = results.reduce((sum, { startTime, endTime }) => sum + (endTime - startTime) / 1000, 0);
    return `${project}: ${results.length} files, ${seconds.toFixed(1)} s in total`;
  });
};

export const count = (report: Report, exitCode: number, root: string): Outcome => {
  const reasons = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    if (status === 'failed' && failed.length === 0)
      return [`${file}: ${message.split('\n')[0] ?? 'did not load'}`];
    return failed.map(({ fullName }) => `${file}: ${fullName}`);
  });
  if (report.numPendingTests > 0) console.log(`${report.numPendingTests} tests do not apply on this machine`);
  if (exitCode === 0) return { passed: report.numPassedTests, failed: reasons.length, reasons };
  // Vitest failed although no test did: coverage is too low, or there was an unhandled error.
  const rest =
    reasons.length > 0
      ? []
      : ['vitest failed outside the tests (coverage, or an unhandled error); see above'];
  return {
    passed: report.numPassedTests,
    failed: reasons.length + rest.length,
    reasons: [...reasons, ...rest],
  };
};
