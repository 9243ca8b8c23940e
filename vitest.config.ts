import { defineConfig } from 'vitest/config';
import { PROJECTS } from './tools/check/projects.ts';

/** Code that only ever runs in a process of its own, where Vitest cannot count; what tests it instead is said. */
const ELSEWHERE = [
  // The entries of the guest and of its starters: packages/server/test/guest starts them.
  'packages/guest/src/main.ts',
  // Entries of processes: system tests start them and look at what they do.
  'packages/server/src/run.ts',
  'packages/cli/src/main.ts',
  // Runs in a browser: packages/server/test/dashboard drives a real one.
  'packages/dashboard/src/**/use-*.ts',
  // Needs a terminal on standard input.
  'packages/cli/src/shell.ts',
];

export default defineConfig({
  test: {
    projects: Object.entries(PROJECTS).map(([name, folders]) => ({
      extends: true as const,
      test: {
        name,
        include: folders.map((folder) => `${folder}/**/*.test.ts`),
        // Loading every module anew for each file took more than half of the time of the unit tests.
        isolate: name !== 'unit',
      },
    })),
    exclude: ['**/node_modules/**', '**/dist/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', ...ELSEWHERE],
      reporter: ['text-summary', 'json-summary'],
      reportOnFailure: true,
      thresholds: { lines: 85, branches: 85 },
    },
  },
});
