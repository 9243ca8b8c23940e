/** The driver's record of each machine, in a file owned by the server, outside of what the inside can write. */
import { lstat, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DriverHost, ListedMachine, Liveness } from '@berth/plugin-api';
import { z } from 'zod';
import { createKeyedLock } from '../../linux/keyed-lock.ts';
import { ifMissing } from '../../linux/missing.ts';
import { isAlive } from '../../linux/processes.ts';
import { userFor } from './user.ts';

const MachineRecord = z.object({
  installation: z.string(),
  id: z.string(),
  /** The user that everything in it runs as. Default: the server's own. */
  uid: z.int().optional(),
  process: z.object({ pid: z.int(), startTicks: z.int() }).optional(),
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
    const others = (await names()).map(async (name) => (await readRecord(folderOf(name)))?.uid);
    const taken = new Set(await Promise.all(others));
    const isRoot = process.getuid?.() === 0;
    const uid = isRoot ? userFor(idBase, `${installation}\0${id}`, taken).uid : undefined;
    const record = { installation, id, uid };
    await writeRecord(folderOf(id), record);
    return record;
  };
  return {
    folderOf,
    own: async (id: string): Promise<MachineRecord | undefined> => {
      const record = MACHINE_ID.test(id) ? await readRecord(folderOf(id)) : undefined;
      return record?.installation === installation ? record : undefined;
    },
    /** Records that the existing folder belongs to this machine, with a unique user. */
    claim: (id: string) => inTurn('claim', () => claim(id)),
    async *list(): AsyncGenerator<ListedMachine> {
      for (const id of await names()) {
        const { record, life } = await looked(folderOf(id));
        if (record === undefined || record.installation === installation) yield { id, life };
      }
    },
  };
};

/** One that cannot be inspected does not hide the others. */
const looked = async (
  folder: string,
): Promise<{ readonly record?: MachineRecord | undefined; readonly life: Liveness }> => {
  try {
    const record = await readRecord(folder);
    if (record?.process === undefined) return { record, life: { state: 'unfinished' } };
    if (await isAlive(record.process)) return { record, life: { state: 'alive' } };
    return { record, life: { state: 'dead', reason: 'its guest has exited' } };
  } catch (error) {
    return { life: { state: 'unknown', reason: String(error) } };
  }
};

export const writeRecord = async (folder: string, record: MachineRecord): Promise<void> => {
  const draft = join(folder, `${RECORD_FILE}.new`);
  await writeFile(draft, JSON.stringify(record), { mode: 0o600 });
  await rename(draft, join(folder, RECORD_FILE));
};

const readRecord = async (folder: string): Promise<MachineRecord | undefined> => {
  const path = join(folder, RECORD_FILE);
  const stats = await lstat(path).catch(ifMissing(undefined));
  if (stats?.isFile() !== true) return undefined;
  const parsed = MachineRecord.safeParse(JSON.parse(await readFile(path, 'utf8')));
  return parsed.success ? parsed.data : undefined;
};
