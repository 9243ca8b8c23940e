/** What a create costs the machine, however much else it does meanwhile: the time of processors, by who took it. */
import { readdirSync, readFileSync } from 'node:fs';
import type { RealServer } from '../real-server.ts';
import type { Row } from '../row.ts';
import { berthThroughApi } from '../through-api.ts';

const WARM_UPS = 2;
const CREATES = 20;
/** `sysconf(_SC_CLK_TCK)` is 100 on every Linux system. */
const TICK_MS = 10;

/** From the request for a sandbox to the end of the first command in it. */
export const measureProcessorTime = async ({ client, pid }: RealServer): Promise<Row[]> => {
  const berth = berthThroughApi(client);
  for (let n = 0; n < WARM_UPS; n++) await berth.remove(await berth.start());
  const took = { server: 0, runtime: 0, inside: 0 };
  for (let n = 0; n < CREATES; n++) {
    const before = timesOf(pid);
    const id = await berth.start();
    const after = timesOf(pid);
    took.server += after.own - before.own;
    took.runtime += after.below - before.below;
    took.inside += ((await client.sandboxes.metrics({ id })).cpuSeconds ?? 0) * 1000;
    await berth.remove(id);
  }
  const rowOf = (what: string, ms: number): Row => ({
    ...{ what: `processor time of a create: ${what}`, value: ms / CREATES },
    ...{ samples: CREATES, unit: 'ms' },
  });
  return [
    rowOf('all', took.server + took.runtime + took.inside),
    rowOf('the server', took.server),
    rowOf('programs that the server starts', took.runtime),
    rowOf('inside', took.inside),
  ];
};

/** Of a process itself, and of what it started, what has ended included. */
const timesOf = (pid: number): { readonly own: number; readonly below: number } => {
  const { own, ended } = ticksOf(pid);
  const below = childrenOf(pid).map(timesOf);
  return {
    own: own * TICK_MS,
    below: below.reduce((sum, child) => sum + child.own + child.below, ended * TICK_MS),
  };
};

const ticksOf = (pid: number): { readonly own: number; readonly ended: number } => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields 14 to 17, counted after the command's name, which may hold anything in its brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return { own: user + system, ended: endedUser + endedSystem };
};

const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
