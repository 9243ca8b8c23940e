/** Whether a machine lives, from what the kernel says now. */
import type { Liveness } from '@berth/plugin-api';
import { isAlive } from '../../linux/processes.ts';
import type { Usage } from './cgroups/cgroups.ts';
import { readRecord } from './record.ts';

/** `usage` reads the counters of its control groups, which outlive the processes in them. */
export const readLiveness = async (
  folder: string,
  usage: () => Promise<Usage> | undefined,
): Promise<Liveness> => {
  try {
    const record = await readRecord(folder);
    if (record === undefined) return { state: 'unfinished' };
    if (await isAlive(record.process)) return { state: 'alive' };
    return { state: 'dead', reason: record.ended ?? reasonOf(await killsForMemory(usage)) };
  } catch (error) {
    return { state: 'unknown', reason: String(error) };
  }
};

const reasonOf = (kills: number): string =>
  kills === 0
    ? 'its processes have ended'
    : `its processes have ended; the kernel killed ${kills} of them because the memory of the sandbox was used up`;

/** After a reboot the groups are gone, too, and with them what they counted. */
const killsForMemory = async (usage: () => Promise<Usage> | undefined): Promise<number> => {
  try {
    return (await usage())?.outOfMemoryKills ?? 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
};

/** Of one that cannot be connected to. */
export const describeLiveness = (life: Liveness): string => {
  if (life.state === 'dead' || life.state === 'unknown') return life.reason;
  return 'there is no such machine';
};
