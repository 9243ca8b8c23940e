/** The files in a sandbox's folder: a claim from the start, a record once it runs. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Unenforced } from '@berth/plugin-api';
import { z } from 'zod';
import { ifMissing } from '../../linux/missing.ts';

const Claim = z.object({ installation: z.string(), id: z.string() });

/** Records of machines that an earlier server started hold text: `kind: reason`. */
const UnenforcedText = z
  .string()
  .transform((text) => /^(?<kind>\w+): (?<reason>.+)$/s.exec(text)?.groups)
  .pipe(Unenforced);

const Record = z.object({
  /** Version of the format. */
  version: z.literal(1),
  process: z.object({ pid: z.int(), startTicks: z.int() }),
  unenforced: z.array(z.union([Unenforced, UnenforcedText])),
  /** Its disk limits; absent parts are unlimited. */
  disk: z.object({ bytes: z.int().optional(), inodes: z.int().optional() }).optional(),
  /** Milliseconds since the epoch; absent in records of earlier servers. */
  startedAt: z.int().optional(),
  /** Why the driver killed it, and when. */
  ended: z.string().optional(),
  endedAt: z.int().optional(),
});
export type MachineRecord = z.infer<typeof Record>;

const CLAIM_FILE = 'claim.json';
const RECORD_FILE = 'machine.json';

/** Valid folder names, so that a path never leaves the driver's own folder. */
export const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const writeClaim = (folder: string, installation: string, id: string): Promise<void> =>
  writeFile(join(folder, CLAIM_FILE), JSON.stringify({ installation, id }));

export interface ClaimedMachine {
  readonly id: string;
  /** Why its claim cannot be read: it may be another installation's. */
  readonly problem?: string;
}

/** Also for a folder whose claim was never written. Rejects when it cannot be read: it may be another installation's. */
export const isClaimedBy = async (folder: string, installation: string): Promise<boolean> => {
  const claim = await readJson(join(folder, CLAIM_FILE), Claim);
  return claim === undefined || claim === 'damaged' || claim.installation === installation;
};

/** Machines whose folders this installation claimed or may have claimed, and those that died before the claim. */
export const claims = async (sandboxes: string, installation: string): Promise<ClaimedMachine[]> => {
  const names: string[] = await readdir(sandboxes).catch(ifMissing([]));
  const claimOf = async (id: string): Promise<ClaimedMachine[]> => {
    try {
      return (await isClaimedBy(join(sandboxes, id), installation)) ? [{ id }] : [];
    } catch (error) {
      return [{ id, problem: String(error) }];
    }
  };
  return (await Promise.all(names.filter((name) => MACHINE_ID.test(name)).map(claimOf))).flat();
};

/** Written atomically. */
export const writeRecord = async (folder: string, record: MachineRecord): Promise<void> => {
  const draft = join(folder, `.${randomUUID()}`);
  await writeFile(draft, JSON.stringify(record));
  await rename(draft, join(folder, RECORD_FILE));
};

/** Undefined when there is none; `damaged` when there is something else. Rejects when it cannot be read now. */
export const readRecord = (folder: string): Promise<MachineRecord | 'damaged' | undefined> =>
  readJson(join(folder, RECORD_FILE), Record);

const readJson = async <T extends z.ZodType>(
  path: string,
  schema: T,
): Promise<z.infer<T> | 'damaged' | undefined> => {
  const text = await readFile(path, 'utf8').catch(ifMissing(undefined));
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Torn by a crash of the machine.
    return 'damaged';
  }
};
