import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../../testing/manual-clock.ts';
import { createMemoryStore } from '../../../testing/memory-store/memory-store.ts';
import { createIds } from '../ids.ts';
import { createLeases, type Held } from './leases.ts';

const openWorld = () => {
  const clock = createManualClock();
  const store = createMemoryStore({ clock, ids: createIds(clock, (bytes) => new Uint8Array(bytes)) });
  const one = createLeases({ store, clock, owner: 'one' });
  const two = createLeases({ store, clock, owner: 'two' });
  return { clock, one, two, holds: (held: Held) => store.read((tx) => one.isHeld(tx, held)) };
};

const held = (lease: Held | undefined): Held => {
  if (lease === undefined) throw new Error('it is free');
  return lease;
};

describe('a lease', () => {
  it('is held by one at a time, its own owner included', async () => {
    const { one, two, holds } = openWorld();
    const first = held(await one.acquire('target', 1000));
    expect(first.fence).toBe(1);
    expect(await two.acquire('target', 1000)).toBeUndefined();
    expect(await one.acquire('target', 1000)).toBeUndefined();
    expect(await two.acquire('another', 1000)).toBeDefined();
    expect(await holds(first)).toBe(true);
  });

  it('is free after its release, and the next holder has a higher fence', async () => {
    const { one, two, holds } = openWorld();
    const first = held(await one.acquire('target', 1000));
    await one.release(first);
    expect(await holds(first)).toBe(false);
    expect(held(await two.acquire('target', 1000)).fence).toBe(2);
  });

  it('lasts as long as it is renewed, and then ends by itself', async () => {
    const { clock, one, two, holds } = openWorld();
    const first = held(await one.acquire('target', 1000));
    await clock.advance(900);
    expect(await one.renew(first, 1000)).toBe(true);
    await clock.advance(999);
    expect(await holds(first)).toBe(true);
    expect(await two.acquire('target', 1000)).toBeUndefined();
    await clock.advance(1);
    expect(await holds(first)).toBe(false);
    expect(await two.acquire('target', 1000)).toBeDefined();
  });

  it('that was lost cannot be renewed, nor released under its new holder', async () => {
    const { clock, one, two, holds } = openWorld();
    const first = held(await one.acquire('target', 1000));
    await clock.advance(1000);
    const second = held(await two.acquire('target', 1000));
    expect(await one.renew(first, 1000)).toBe(false);
    await one.release(first);
    expect(await holds(second)).toBe(true);
    expect(await one.renew({ id: 'unknown', fence: 1 }, 1000)).toBe(false);
  });
});
