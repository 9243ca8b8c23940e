import type { RunResult, Sandbox } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import { setupRedOf } from '../gate/gate-parts.ts';
import { runSetup } from './run-setup.ts';

const ended = (rest: Partial<RunResult>): Promise<void> => {
  const result = { exitCode: 0, timedOut: false, outOfMemory: false, durationMs: 1, stdout: '', stderr: '' };
  const sandbox = { root: '/workspace', run: async () => ({ ...result, truncated: false, ...rest }) };
  return runSetup(
    { ids: { new: () => 'ex_1', from: () => 'ex_1' } },
    {
      sandbox: sandbox as Partial<Sandbox> as Sandbox,
      setup: { commands: [{ run: 'npm ci' }], egress: { preset: 'none' }, timeoutMs: 5000 },
      checkout: [{ name: 'app', commit: 'c', branch: 'main' }],
      key: 'k',
      signal: new AbortController().signal,
    },
  );
};

test('a set-up that does not end in time says so: which command, which limit, what it said, what to do', async () => {
  const error: unknown = await ended({ exitCode: null, timedOut: true, stdout: 'fetching' }).catch((e) => e);
  expect(error).toMatchObject({
    code: 'setup.failed',
    message: expect.stringMatching(/^The set-up command npm ci did not finish within 5000 ms .*fetching$/),
    hint: expect.stringContaining('`setup.timeoutMs`'),
  });
  expect(setupRedOf(error, 'app')).toMatchObject({ detail: expect.stringContaining('not within 5000 ms') });
});

test('one that ends badly says with what', async () => {
  const message = expect.stringMatching(/^The set-up command npm ci ended with exit code 3: no output$/);
  await expect(ended({ exitCode: 3 })).rejects.toMatchObject({ code: 'setup.failed', message });
  await expect(ended({})).resolves.toBeUndefined();
});
