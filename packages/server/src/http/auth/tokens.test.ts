import { createIds, createManualClock, createMemoryStore } from '@berth/core';
import { expect, it } from 'vitest';
import { createTokens } from './tokens.ts';

it('a token ends after its time also when the clock was set back since it was used', async () => {
  const manual = createManualClock();
  let backMs = 0;
  const clock = { ...manual, now: () => manual.now() - backMs };
  const ids = createIds(clock, (bytes) => new Uint8Array(bytes));
  const store = createMemoryStore({ clock, ids });
  const tokens = createTokens({ store, clock, ids });
  const { token, secret } = await tokens.create({ name: 'short', role: 'viewer', ttlMs: 20_000 });
  expect(await tokens.authenticate(secret)).toMatchObject({ name: 'short' });
  backMs = 86_400_000;
  // As the reconciler of the clock does.
  const expiresAt = clock.now() + 20_000;
  await store.write(async (tx) => {
    const row = await tx.table('tokens').get(token.id);
    await tx.table('tokens').update(token.id, row?.revision ?? 0, { expiresAt });
  });
  expect(await tokens.authenticate(secret)).toMatchObject({ name: 'short' });
  await manual.advance(21_000);
  expect(await tokens.authenticate(secret)).toBeUndefined();
  tokens.close();
});
