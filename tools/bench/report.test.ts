import { describe, expect, it } from 'vitest';
import { contest } from './contest.ts';
import { rowsOf } from './ratios.ts';
import { printed, reportOf } from './report.ts';
import { holds } from './row.ts';
import { quantile, summaryOf } from './statistics.ts';

describe('statistics', () => {
  it('answers samples that were measured', () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(summaryOf(samples)).toEqual({ p50: 50, p95: 95, samples: 100 });
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('a contest', () => {
  it('lets everybody take turns and forgets the warm-ups', async () => {
    const turns: string[] = [];
    const samples = await contest(
      [{ name: 'a' }, { name: 'b' }],
      { warmups: 1, rounds: 2 },
      async ({ name }) => {
        turns.push(name);
        return turns.length;
      },
    );
    expect(turns.join('')).toBe('ababab');
    expect(Object.fromEntries(samples)).toEqual({ a: [3, 5], b: [4, 6] });
  });

  it('compares medians, ours first, and holds Docker alone to a ratio', () => {
    const samples = new Map([
      ['ours', [10, 10, 10]],
      ['docker', [40, 40, 40]],
      ['crun', [5, 5, 5]],
    ]);
    const rows = rowsOf(samples, { own: { atMost: 9 }, fasterThanDocker: 3 });
    expect(rows.map(({ what, value }) => [what, value])).toEqual([
      ['ours', 10],
      ['docker', 40],
      ['crun', 5],
      ['times as fast as docker', 4],
      ['times as fast as crun', 0.5],
    ]);
    expect(rows.map(holds)).toEqual([false, undefined, undefined, true, undefined]);
  });
});

describe('the report', () => {
  it('prints each row with its bound and verdict, and what was left out', () => {
    const row = {
      what: 'exec',
      value: 2.345,
      p95: 12.34,
      samples: 9,
      unit: 'ms',
      bound: { atMost: 2 },
    } as const;
    const text = reportOf({
      facts: { cores: 2 },
      groups: [{ title: 'channel', rows: [row], absent: ['no rival'] }],
    });
    expect(text).toContain('| exec | 2.35 ms | 12.3 ms | 9 | ≤ 2 ms | **no** |');
    expect(text).toContain('- channel: no rival');
    expect(text).toContain('| cores | 2 |');
    expect(printed(0.5, '×')).toBe('0.50×');
  });
});
