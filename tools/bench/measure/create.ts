/** From the request for a sandbox to the end of the first command in it. */
import { type Contender, contest, timed } from '../contest.ts';
import { rowsOf } from '../ratios.ts';
import type { Group } from '../row.ts';

const BOUNDS = { own: { atMost: 100 }, fasterThanDocker: 2.5 };

export const measureCreate = async (contenders: readonly Contender[]): Promise<Group> => {
  const samples = await contest(contenders, { warmups: 2, rounds: 25 }, async (contender) => {
    let id = '';
    const tookMs = await timed(async () => {
      id = await contender.start();
    });
    await contender.remove(id);
    return tookMs;
  });
  return { title: 'create → first command, cold', rows: rowsOf(samples, BOUNDS) };
};
