import { expect, test } from 'vitest';
import { planSetup } from './plan.ts';

const defaults = { setupTimeoutMs: 1000 };
const files = { app: { 'package.json': 'a', 'package-lock.json': 'b' }, lib: { 'go.sum': 'c' } };

test('what the repositories show is run in each of them, with the package registries open', () => {
  expect(planSetup({}, files, defaults)).toEqual({
    commands: [
      { repository: 'app', run: 'npm ci' },
      { repository: 'lib', run: 'go mod download' },
    ],
    egress: { preset: 'packages' },
    timeoutMs: 1000,
  });
});

test('what the workspace declares takes its place, also when that is nothing', () => {
  const commands = ['make', { run: 'make deps', repository: 'lib' }];
  const plan = planSetup(
    { setup: { commands, egress: { preset: 'none' }, timeoutMs: 5000 } },
    files,
    defaults,
  );
  expect(plan).toEqual({
    commands: [{ run: 'make' }, { run: 'make deps', repository: 'lib' }],
    egress: { preset: 'none' },
    timeoutMs: 5000,
  });
  expect(planSetup({ setup: { commands: [] } }, files, defaults)).toBeUndefined();
  expect(planSetup({}, { app: { 'README.md': 'x' } }, defaults)).toBeUndefined();
});
