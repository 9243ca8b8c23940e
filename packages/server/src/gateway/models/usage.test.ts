import { createIds } from '@berth/core/kernel';
import { createMemoryStore } from '@berth/core/testing';
import { expect, it } from 'vitest';
import { createLedger } from './usage.ts';

it('keeps every request by itself', async () => {
  const clock = { now: () => 1000, sleep: async () => undefined };
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const ledger = createLedger({ store, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const usage = { inputTokens: 3, cachedInputTokens: 1, outputTokens: 2 };
  const spent = {
    attemptId: 'at_1',
    taskId: 'tk_1',
    provider: 'p',
    model: 'm',
    usage,
    status: 200,
    durationMs: 5,
  };
  await ledger(spent);
  await ledger({ ...spent, status: 502 });
  const rows = await store.read((tx) => tx.table('ledger').list({ where: { attemptId: 'at_1' } }));
  expect(rows).toMatchObject([spent, { ...spent, status: 502 }]);
});
