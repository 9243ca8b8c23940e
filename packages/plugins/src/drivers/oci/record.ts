/** What a sandbox's folder says about it: a claim from the first moment, a record once it runs. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const Claim = z.object({ installation: z.string(), id: z.string() });

const Record = z.object({
  /** Of the format. */
  version: z.literal(1),
  process: z.object({ pid: z.int(), startTicks: z.int() }),
  unenforced: z.array(z.string()),
  /** What it may have on the disk; absent parts have no limit. */
  disk: z.object({ bytes: z.int().optional(), inodes: z.int().optional() }).optional(),
  /** Why the driver ended it. */
  ended: z.string().optional(),
});
export type MachineRecord = z.infer<typeof Record>;

const CLAIM_FILE = 'claim.json';
const RECORD_FILE = 'machine.json';

/** Names a folder may have, so that a path never leaves the driver's own. */
export const MACHINE_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const writeClaim = (folder: string, installation: string, id: string): Promise<void> =>
  writeFile(join(folder, CLAIM_FILE), JSON.stringify({ installation, id }));

/** The ids whose folders this installation claimed, and those that died before they could say. */
export const claimedIds = async (sandboxes: string, installation: string): Promise<string[]> => {
  const names = await readdir(sandboxes).catch(() => []);
  const own = await Promise.all(
    names.map(async (name) => {
      const claim = await readJson(join(sandboxes, name, CLAIM_FILE), Claim);
      return MACHINE_ID.test(name) && (claim === undefined || claim.installation === installation);
    }),
  );
  return names.filter((_, index) => own[index]);
};

/** Appears whole or not at all. */
export const writeRecord = async (folder: string, record: MachineRecord): Promise<void> => {
  const draft = join(folder, `.${randomUUID()}`);
  await writeFile(draft, JSON.stringify(record));
  await rename(draft, join(folder, RECORD_FILE));
};

export const readRecord = (folder: string): Promise<MachineRecord | undefined> =>
  readJson(join(folder, RECORD_FILE), Record);

const readJson = async <T extends z.ZodType>(path: string, schema: T): Promise<z.infer<T> | undefined> => {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Torn by a crash of the machine: as good as none, and whoever asks makes it anew or removes it.
    return undefined;
  }
};
