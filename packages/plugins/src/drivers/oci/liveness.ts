/** Whether a machine is alive, from the kernel's current state. */
import type { ListedMachine, Liveness } from '@berth/plugin-api';
import { isAlive } from '../../linux/processes.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import { type ClaimedMachine, readRecord } from './record.ts';

export interface LivenessReader {
  read(id: string): Promise<Liveness>;
  /** Of one that is removed. */
  forget(id: string): void;
}

export interface LivenessParts {
  readonly folderOf: (id: string) => string;
  readonly containerId: (id: string) => string;
  readonly cgroups: Pick<Cgroups, 'guestKills'> | undefined;
}

export const createLivenessReader = ({ folderOf, containerId, cgroups }: LivenessParts): LivenessReader => {
  /** Counted when a machine was last seen alive: what was killed before did not end it. */
  const survived = new Map<string, number>();
  /** The count outlives the processes. */
  const guestKills = async (id: string): Promise<number> => (await cgroups?.guestKills(containerId(id))) ?? 0;
  const readNow = async (id: string): Promise<Liveness> => {
    const record = await readRecord(folderOf(id));
    if (record === undefined) return { state: 'unfinished' };
    const kills = await guestKills(id);
    if (await isAlive(record.process)) {
      survived.set(id, kills);
      return { state: 'alive' };
    }
    const fatal = (await guestKills(id)) - (survived.get(id) ?? 0);
    return { state: 'dead', reason: record.ended ?? reasonOf(fatal) };
  };
  return {
    read: (id) => readNow(id).catch((error: unknown) => ({ state: 'unknown', reason: String(error) })),
    forget: (id) => survived.delete(id),
  };
};

/** What cannot be proved to be ours is listed, so that it is not taken for gone, and is left alone. */
export async function* listedOf(
  claimed: readonly ClaimedMachine[],
  liveness: Pick<LivenessReader, 'read'>,
): AsyncGenerator<ListedMachine> {
  for (const { id, problem } of claimed)
    yield {
      id,
      life: problem === undefined ? await liveness.read(id) : { state: 'unknown', reason: problem },
    };
}

const reasonOf = (kills: number): string =>
  kills <= 0
    ? 'its processes have exited'
    : `its processes have exited; the kernel killed ${kills} of them because the sandbox ran out of memory`;

/** For one that cannot be connected to. */
export const describeLiveness = (life: Liveness): string => {
  if (life.state === 'dead' || life.state === 'unknown') return life.reason;
  return 'there is no such machine';
};
