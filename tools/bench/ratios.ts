/** Samples of a contest as rows: each contender's own time, then Berth's ratio to the others. */
import type { Bound, Row } from './row.ts';
import { summaryOf } from './statistics.ts';

export interface Bounds {
  /** Milliseconds. */
  readonly own: Bound;
  readonly fasterThanDocker: number;
}

/** Berth comes first. */
export const rowsOf = (
  samples: ReadonlyMap<string, readonly number[]>,
  { own, fasterThanDocker }: Bounds,
): Row[] => {
  const times = [...samples].map(([name, list]) => ({ name, ...summaryOf(list) }));
  const ours = times[0]?.p50 ?? Number.NaN;
  return [
    ...times.map(
      ({ name, p50, p95, samples: n }, index): Row => ({
        ...{ what: name, value: p50, p95, samples: n, unit: 'ms' },
        bound: index === 0 ? own : undefined,
      }),
    ),
    ...times.slice(1).map(
      ({ name, p50 }): Row => ({
        what: `times as fast as ${name}`,
        value: p50 / ours,
        unit: '×',
        bound: name === 'docker' ? { atLeast: fasterThanDocker } : undefined,
      }),
    ),
  ];
};
