/** The stages of the gate, in order: fast ones first. */
import { boundaryProblems } from '../boundaries.ts';
import { outOfDate } from '../gen.ts';
import { ensurePackages, NEEDS, TEST_NEEDS } from '../system-packages.ts';
import { readTree } from '../tree.ts';
import type { Outcome } from './outcome.ts';
import { run } from './run.ts';
import { runTests } from './tests.ts';

export interface Stage {
  readonly name: string;
  readonly what: string;
  readonly run: (root: string) => Promise<Outcome>;
}

/** A stage that passes when it returns no problems. */
const whole = async (complaints: () => Promise<readonly string[]>): Promise<Outcome> => {
  const reasons = await complaints();
  return reasons.length === 0 ? { passed: 1, failed: 0, reasons } : { passed: 0, failed: 1, reasons };
};

const command =
  (name: string, ...args: readonly string[]) =>
  (root: string) =>
    whole(async () => {
      const { exitCode, output } = await run(root, name, args);
      if (exitCode === 0) return [];
      console.log(output.trimEnd());
      return [`${[name, ...args].join(' ')} ended with ${exitCode}; see its output above`];
    });

export const STAGES: readonly Stage[] = [
  {
    name: 'system',
    what: 'system packages',
    run: () => whole(async () => ensurePackages([...NEEDS, ...TEST_NEEDS])),
  },
  { name: 'lint', what: 'format and lint', run: command('biome', 'check', '--error-on-warnings', '.') },
  { name: 'types', what: 'strict types', run: command('tsc', '-p', '.') },
  {
    name: 'boundaries',
    what: 'package directions, no cycles',
    run: (root) =>
      whole(async () => boundaryProblems(readTree(root)).map(({ path, message }) => `${path}: ${message}`)),
  },
  { name: 'knip', what: 'nothing unused', run: command('knip', '--no-progress') },
  {
    name: 'generated',
    what: 'generated files are committed',
    run: (root) =>
      whole(async () => outOfDate(root).map((path) => `${path} is out of date; run: npm run gen`)),
  },
  // Tests of whole processes run the built programs.
  { name: 'build', what: 'programs, guest, dashboard', run: command('node', 'tools/prepare.mjs') },
  { name: 'tests', what: 'all tests, coverage', run: runTests },
];
