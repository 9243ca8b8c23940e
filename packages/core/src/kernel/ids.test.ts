import { SandboxId, TaskId } from '@berth/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIds, timeOf } from './ids.ts';

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));
const at = (now: number, bytes = random) =>
  createIds({ now: () => now, sleep: async () => undefined }, bytes);

describe('new ids', () => {
  it('name their noun and fit the contract', () => {
    const ids = at(Date.now());
    expect(TaskId.safeParse(ids.new('task')).success).toBe(true);
    expect(SandboxId.safeParse(ids.new('sandbox')).success).toBe(true);
    expect(ids.new('gateRun')).toMatch(/^gr_/);
  });

  it('sort by the order of minting, whatever the clock and the random source do', () => {
    const moments = fc.array(fc.record({ now: fc.nat(5), byte: fc.nat(255) }), { minLength: 2 });
    fc.assert(
      fc.property(moments, (steps) => {
        let now = 0;
        let byte = 0;
        const ids = createIds({ now: () => now, sleep: async () => undefined }, (bytes) =>
          new Uint8Array(bytes).fill(byte),
        );
        const made = steps.map((step) => {
          now = step.now;
          byte = step.byte;
          return ids.new('task');
        });
        expect(made).toEqual([...made].sort());
        expect(new Set(made).size).toBe(made.length);
      }),
    );
  });
});

describe('the time of an id', () => {
  it('is the one at which it was made, also of an id derived from it', () => {
    const moments = fc.integer({ min: 0, max: 8_640_000_000_000_000 / 10 });
    fc.assert(
      fc.property(moments, (now) => {
        const ids = at(now);
        const run = ids.new('saga');
        expect([timeOf(run), timeOf(ids.from('sandbox', `${run}/0`))]).toEqual([now, now]);
      }),
    );
  });

  it('is the first of all for a name of another form', () => {
    for (const name of ['', 'sb_', 'sb_short', `sb_${'u'.repeat(20)}`]) expect(timeOf(name)).toBe(0);
  });
});

describe('ids from a key', () => {
  it('are the same for the same key in every process, and fit the contract', () => {
    expect(at(1).from('sandbox', 'a/b')).toBe(at(2).from('sandbox', 'a/b'));
    expect(SandboxId.safeParse(at(1).from('sandbox', 'a/b')).success).toBe(true);
  });

  it('take the time of the id that the key begins with', () => {
    const run = at(1_700_000_000_000).new('saga');
    const derived = at(5).from('sandbox', `${run}/id`);
    expect(derived.slice(3, 13)).toBe(run.slice(3, 13));
    expect(derived.slice(13)).not.toBe(run.slice(13));
  });

  it('differ by noun and by every part of the key', () => {
    const ids = at(1);
    const run = ids.new('saga');
    const made = Array.from({ length: 20_000 }, (_, number) => [
      ids.from('task', `${run}/step/${number}`),
      ids.from('item', `${number}`),
    ]).flat();
    expect(new Set(made).size).toBe(made.length);
    expect(ids.from('task', 'x').slice(3)).not.toBe(ids.from('item', 'x').slice(3));
  });
});
