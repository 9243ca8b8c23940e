/** One more command in a running sandbox: `/bin/true`, from the request to its exit code. */
import { type Contender, contest, timed } from '../contest.ts';
import { rowsOf } from '../ratios.ts';
import type { Group } from '../row.ts';

const BOUNDS = { own: { atMost: 2 }, fasterThanDocker: 20 };

/** The contenders', and first the guest channel alone. */
export const measureExec = async (channel: Contender, others: readonly Contender[]): Promise<Group> => {
  const contenders = [channel, ...others];
  const ids = new Map<string, string>();
  try {
    for (const { name, start } of contenders) ids.set(name, await start());
    const samples = await contest(contenders, { warmups: 10, rounds: 60 }, ({ name, exec }) =>
      timed(() => exec(ids.get(name) ?? '')),
    );
    return { title: 'exec round trip', rows: rowsOf(samples, BOUNDS) };
  } finally {
    for (const { name, remove } of contenders) {
      const id = ids.get(name);
      if (id !== undefined) await remove(id);
    }
  }
};
