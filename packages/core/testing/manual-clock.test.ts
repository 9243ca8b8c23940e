import { expect, it } from 'vitest';
import { createManualClock } from './manual-clock.ts';

it('wakes each sleeper at its moment, and lets it act before the next', async () => {
  const clock = createManualClock(0);
  const seen: string[] = [];
  const sleeper = async (name: string, ...naps: readonly number[]) => {
    for (const nap of naps) {
      await clock.sleep(nap);
      seen.push(`${name} ${clock.now()}`);
    }
  };
  void sleeper('a', 10, 10);
  void sleeper('b', 15, -1);
  await clock.advance(19);
  expect(seen).toEqual(['a 10', 'b 15', 'b 15']);
  expect(clock.now()).toBe(19);
  await clock.advance(1);
  expect(seen.at(-1)).toBe('a 20');
});

it('ends a sleep by its signal', async () => {
  const clock = createManualClock(0);
  const abort = new AbortController();
  const sleep = clock.sleep(10, abort.signal);
  abort.abort('enough');
  await expect(sleep).rejects.toBe('enough');
  await expect(clock.sleep(10, abort.signal)).rejects.toBe('enough');
});

it('goes through work of any length, and ends as it does', async () => {
  const clock = createManualClock(0);
  const work = async () => {
    for (let nap = 0; nap < 5; nap += 1) await clock.sleep(1_000_000);
    return clock.now();
  };
  expect(await clock.through(work())).toBe(5_000_000);
  await expect(clock.through(Promise.reject(new Error('so')))).rejects.toThrow('so');
});
