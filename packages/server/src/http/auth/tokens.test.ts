import { type Clock, createIds } from '@berth/core';
import { createManualClock, createMemoryStore } from '@berth/core/testing';
import { expect, it } from 'vitest';
import { createTokens } from './tokens.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const begin = (clock: Clock) => {
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const store = createMemoryStore({ clock, ids });
  return { store, tokens: createTokens({ store, clock, ids }) };
};

it('what a token opened ends at its expiry to the millisecond, also of one beyond the longest timer', async () => {
  const clock = createManualClock();
  const { tokens } = begin(clock);
  const open = async (name: string, ttlMs?: number) => {
    const { secret } = await tokens.create({ name, role: 'viewer', ttlMs });
    const gone = (await tokens.authenticate(secret))?.gone;
    return () => gone?.aborted;
  };
  const lasting = await open('lasting');
  const long = await open('long', 40 * DAY_MS);
  const short = await open('short', HOUR_MS);
  const states = () => [lasting(), long(), short()];
  await clock.advance(HOUR_MS - 1);
  expect(states()).toEqual([false, false, false]);
  await clock.advance(1);
  expect(states()).toEqual([false, false, true]);
  await clock.advance(40 * DAY_MS - HOUR_MS - 1);
  expect(states()).toEqual([false, false, true]);
  await clock.advance(1);
  expect(states()).toEqual([false, true, true]);
  tokens.close();
  expect(states()).toEqual([true, true, true]);
});

it('a token that is revoked while it is looked up is not remembered', async () => {
  const clock = createManualClock();
  const { store, tokens } = begin(clock);
  const { token, secret } = await tokens.create({ name: 'leaver', role: 'owner' });
  let isFirst = true;
  const read: typeof store.read = async (act) => {
    const found = await store.read(act);
    if (isFirst) {
      isFirst = false;
      await tokens.revoke(token.id);
    }
    return found;
  };
  const ids = createIds(clock, (bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const beside = createTokens({ store: { ...store, read }, clock, ids });
  expect(await beside.authenticate(secret)).toBeUndefined();
  expect(await beside.authenticate(secret)).toBeUndefined();
  beside.close();
  tokens.close();
});

const TTL_MS = 20_000;

/** A token that was used, after which the clock was set back. */
const setBack = async () => {
  const manual = createManualClock();
  let backMs = 0;
  const clock = { ...manual, now: () => manual.now() - backMs };
  const { store, tokens } = begin(clock);
  const { token, secret } = await tokens.create({ name: 'short', role: 'viewer', ttlMs: TTL_MS });
  const caller = await tokens.authenticate(secret);
  backMs = DAY_MS;
  // As the reconciler of the clock does.
  const expiresAt = clock.now() + TTL_MS;
  await store.write(async (tx) => {
    const row = await tx.table('tokens').get(token.id);
    await tx.table('tokens').update(token.id, row?.revision ?? 0, { expiresAt });
  });
  return { manual, tokens, secret, caller };
};

it('a token ends after its time also when the clock was set back since it was used', async () => {
  const { manual, tokens, secret } = await setBack();
  expect(await tokens.authenticate(secret)).toMatchObject({ name: 'short' });
  await manual.advance(TTL_MS);
  expect(await tokens.authenticate(secret)).toBeUndefined();
  tokens.close();
});

it('so does what it opened, without another request', async () => {
  const { manual, tokens, caller } = await setBack();
  await manual.advance(TTL_MS - 1);
  expect(caller?.gone.aborted).toBe(false);
  await manual.advance(1);
  expect(caller?.gone.aborted).toBe(true);
  tokens.close();
});
