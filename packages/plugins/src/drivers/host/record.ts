/** The driver's record of each machine, in a file owned by the server, outside of what the inside can write. */
import { lstat, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost, Liveness } from '@berth/plugin-api';
import { createKeyedLock } from '@berth/plugin-api';
import { z } from 'zod';
import { exists, ifMissing } from '../../linux/missing.ts';
import { isAlive } from '../../linux/processes.ts';
import { userFor } from './user.ts';

const MachineRecord = z.object({
  installation: z.string(),
  id: z.string(),
  /** The user that everything in it runs as. Default: the server's own. */
  uid: z.int().optional(),
  process: z.object({ pid: z.int(), startTicks: z.int() }).optional(),
  /** Milliseconds since the epoch; absent in records of earlier servers. */
  startedAt: z.int().optional(),
  internalPort: z.int().optional(),
});
export type MachineRecord = z.infer<typeof MachineRecord>;

const RECORD_FILE = 'machine.json';
export const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const openRecords = ({ folder, installation }: DriverHost, idBase: number) => {
  const inTurn = createKeyedLock();
  const folderOf = (id: string): string => join(folder, 'sandboxes', id);
  const names = (): Promise<string[]> => readdir(join(folder, 'sandboxes')).catch(ifMissing([]));

  const claim = async (id: string): Promise<MachineRecord> => {
    const others = (await names()).map((name) => uidOf(folderOf(name)));
    const taken = new Set(await Promise.all(others));
    const isRoot = process.getuid?.() === 0;
    const uid = isRoot ? userFor(idBase, `${installation}\0${id}`, taken).uid : undefined;
    const record = { installation, id, uid };
    await writeRecord(folderOf(id), record);
    return record;
  };
  const seenDead = new Map<string, number>();
  const recorded = async (id: string): Promise<Liveness> => {
    const record = await readRecord(folderOf(id));
    if (record === undefined) return { state: 'unfinished' };
    if (record === 'damaged') return { state: 'unknown', reason: `its record in ${folderOf(id)} is damaged` };
    if (record.installation !== installation) return { state: 'absent' };
    if (record.process === undefined) return { state: 'unfinished' };
    if (await isAlive(record.process)) return { state: 'running', since: record.startedAt };
    const since = seenDead.get(id) ?? Date.now();
    seenDead.set(id, since);
    return { state: 'dead', reason: 'its guest has exited', since };
  };
  const inspect = async (id: string): Promise<Liveness> =>
    MACHINE_ID.test(id) && (await exists(folderOf(id))) ? recorded(id) : { state: 'absent' };
  return {
    folderOf,
    own: async (id: string): Promise<MachineRecord | undefined> => {
      const record = MACHINE_ID.test(id) ? await readRecord(folderOf(id)) : undefined;
      return record !== 'damaged' && record?.installation === installation ? record : undefined;
    },
    /** Of one that is removed. */
    forget: (id: string) => seenDead.delete(id),
    uidOf: (id: string) => uidOf(folderOf(id)),
    inspect: (id: string): Promise<Liveness> =>
      inspect(id).catch((error: unknown) => ({ state: 'unknown', reason: String(error) })),
    /** Records that the existing folder belongs to this machine, with a unique user. */
    claim: (id: string) => inTurn('claim', () => claim(id)),
    async *list(): AsyncGenerator<{ readonly id: string }> {
      for (const id of await names()) {
        // One that cannot be read does not hide the others.
        const record = await readRecord(folderOf(id)).catch(() => 'damaged' as const);
        if (record === undefined || record === 'damaged' || record.installation === installation)
          yield { id };
      }
    },
  };
};

/** The user of a machine: as recorded, else the owner of its home, which nobody inside can replace. */
const uidOf = async (folder: string): Promise<number | undefined> => {
  const record = await readRecord(folder).catch(() => 'damaged' as const);
  if (record !== 'damaged') return record?.uid;
  const uid = (await lstat(join(folder, 'home')).catch(ifMissing(undefined)))?.uid;
  return uid === process.getuid?.() ? undefined : uid;
};

export const writeRecord = async (folder: string, record: MachineRecord): Promise<void> => {
  const draft = join(folder, `${RECORD_FILE}.new`);
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
  await rename(draft, join(folder, RECORD_FILE));
};

/** Undefined when there is none; `damaged` when there is something else. Rejects when it cannot be read now. */
const readRecord = async (folder: string): Promise<MachineRecord | 'damaged' | undefined> => {
  const path = join(folder, RECORD_FILE);
  const stats = await lstat(path).catch(ifMissing(undefined));
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return 'damaged';
  const text = await readFile(path, 'utf8');
  try {
    return MachineRecord.parse(JSON.parse(text));
  } catch {
    return 'damaged';
  }
};
