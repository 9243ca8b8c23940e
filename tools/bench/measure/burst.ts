/** Many concurrent sandbox creations, through the API. */
import { type Contender, timed } from '../contest.ts';
import type { Group } from '../row.ts';
import { summaryOf } from '../statistics.ts';

export const measureBurst = async (berth: Contender, count: number): Promise<Group> => {
  const ids: string[] = [];
  const tries = await Promise.allSettled(
    Array.from({ length: count }, () =>
      timed(async () => {
        ids.push(await berth.start());
      }),
    ),
  );
  const times = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failure = tries.find((one) => one.status === 'rejected');
  await Promise.all(ids.map((id) => berth.remove(id)));
  const { p50, p95, samples } = summaryOf(times);
  const note = failure === undefined ? undefined : `the first one: ${failure.reason}`;
  return {
    title: `${count} creates → first command at once`,
    rows: [
      { what: 'p50', value: p50, samples, unit: 'ms' },
      { what: 'p95', value: p95, samples, unit: 'ms', bound: { atMost: 2500 * (count / 100) } },
      { what: 'failed', value: count - samples, unit: 'failures', bound: { atMost: 0 }, note },
    ],
  };
};
