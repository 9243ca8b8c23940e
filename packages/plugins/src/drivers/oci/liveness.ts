/** What a machine is, from the kernel's current state. Everything in this driver that asks for life asks here. */
import type { Liveness } from '@berth/plugin-api';
import { exists } from '../../linux/missing.ts';
import { isAlive, processesNaming } from '../../linux/processes.ts';
import type { Cgroups } from './cgroups/cgroups.ts';
import { isClaimedBy, MACHINE_ID, type MachineRecord, readRecord } from './record.ts';

export interface LivenessReader {
  /** Never rejects. */
  inspect(id: string): Promise<Liveness>;
  /** The record of a machine that runs. Rejects when that cannot be read now. */
  running(id: string): Promise<MachineRecord | undefined>;
  /** Of one that is removed. */
  forget(id: string): void;
}

export interface LivenessParts {
  readonly installation: string;
  readonly folderOf: (id: string) => string;
  readonly containerId: (id: string) => string;
  readonly cgroups: Pick<Cgroups, 'guestKills'> | undefined;
}

export const createLivenessReader = (parts: LivenessParts): LivenessReader => {
  const { installation, folderOf, containerId, cgroups } = parts;
  /** Counted when a machine was last seen running: what was killed before did not end it. */
  const survived = new Map<string, number>();
  const seenDead = new Map<string, number>();
  /** The count outlives the processes. */
  const guestKills = async (id: string): Promise<number> => (await cgroups?.guestKills(containerId(id))) ?? 0;

  const dead = (id: string, reason: string, at?: number): Liveness => {
    const since = at ?? seenDead.get(id) ?? Date.now();
    seenDead.set(id, since);
    return { state: 'dead', reason, since };
  };
  const recorded = async (id: string, record: MachineRecord): Promise<Liveness> => {
    const kills = await guestKills(id);
    if (await isAlive(record.process)) {
      survived.set(id, kills);
      return { state: 'running', since: record.startedAt };
    }
    const fatal = (await guestKills(id)) - (survived.get(id) ?? 0);
    return dead(id, record.ended ?? reasonOf(fatal), record.endedAt);
  };
  /** Without a record that can be read, only its processes say whether it runs. */
  const damaged = async (id: string): Promise<Liveness> => {
    const { length } = await processesNaming(containerId(id));
    if (length === 0) return dead(id, 'its processes have exited, and its record is damaged');
    return {
      state: 'unknown',
      reason: `its record in ${folderOf(id)} is damaged, and ${length} of its processes run: remove the sandbox`,
    };
  };
  const inspect = async (id: string): Promise<Liveness> => {
    const folder = folderOf(id);
    if (!MACHINE_ID.test(id) || !(await exists(folder)) || !(await isClaimedBy(folder, installation)))
      return { state: 'absent' };
    const record = await readRecord(folder);
    if (record === undefined) return { state: 'unfinished' };
    return record === 'damaged' ? damaged(id) : recorded(id, record);
  };
  return {
    inspect: (id) => inspect(id).catch((error: unknown) => ({ state: 'unknown', reason: String(error) })),
    running: async (id) => {
      const record = MACHINE_ID.test(id) ? await readRecord(folderOf(id)) : undefined;
      if (record === undefined || record === 'damaged') return undefined;
      return (await isAlive(record.process)) ? record : undefined;
    },
    forget: (id) => {
      survived.delete(id);
      seenDead.delete(id);
    },
  };
};

const reasonOf = (kills: number): string =>
  kills <= 0
    ? 'its processes have exited'
    : `its processes have exited; the kernel killed ${kills} of them because the sandbox ran out of memory`;

/** For one that cannot be connected to. */
export const describeLiveness = (life: Liveness): string => {
  if (life.state === 'dead' || life.state === 'unknown') return life.reason;
  return 'there is no such machine';
};
