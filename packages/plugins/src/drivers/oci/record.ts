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
  /** Why the driver killed it. */
  ended: z.string().optional(),
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

/** Machines whose folders this installation claimed or may have claimed, and those that died before the claim. */
export const claims = async (sandboxes: string, installation: string): Promise<ClaimedMachine[]> => {
  const names: string[] = await readdir(sandboxes).catch(ifMissing([]));
  const claimOf = async (id: string): Promise<ClaimedMachine[]> => {
    try {
      const claim = await readJson(join(sandboxes, id, CLAIM_FILE), Claim);
      return claim === undefined || claim.installation === installation ? [{ id }] : [];
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

export const readRecord = (folder: string): Promise<MachineRecord | undefined> =>
  readJson(join(folder, RECORD_FILE), Record);

/** Undefined when it does not exist; rejects when it cannot be read. */
const readJson = async <T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T> | undefined> => {
  const text = await readFile(path, 'utf8').catch(ifMissing(undefined));
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Torn by a crash of the machine: treated as absent; the caller recreates or removes it.
    return undefined;
  }
};
