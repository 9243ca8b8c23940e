/**
 * What is recorded outside the database about it and its journal (`berth.db-wal`), in a separate file. SQLite applies
 * any journal that is next to a database, and treats a missing one as empty, so it notices neither a journal of
 * another database nor a lost one.
 *
 * - Each time the database is opened it gets a random number, the life, in its first page (`user_version`). The mark
 *   holds the same number: a journal is used only with a file of that life.
 * - The head of a journal holds a salt and a count of checkpoints, and both grow by one together: their difference
 *   stays the same for as long as the journal exists, and tells it from others.
 * - The number of the newest event is written after each commit. A database that ends before it has lost commits.
 *
 * The mark is never ahead of the database: each commit is durable before it is noted, and the notes are not synced.
 */
import { randomInt } from 'node:crypto';
import { closeSync, constants, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { z } from 'zod';
import { ifMissing } from '../system/if-missing.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import { readStoredSeq } from './stored-settings.ts';

export const DATABASE_FILE = 'berth.db';
export const MARK_FILE = 'berth.mark';

/** Less than a sector, and of constant length: it is overwritten in place, in one write. */
const MARK_BYTES = 256;

const Mark = z.object({
  /** The ones that the database may have: two while it gets the next one. */
  lives: z.array(z.number()).min(1),
  /** Undefined while it is being opened. */
  journal: z.number().optional(),
  isOpen: z.boolean(),
  seq: z.number(),
});
type Mark = z.infer<typeof Mark>;

export interface JournalMark {
  /** After each commit. */
  note(seq: number): void;
  /** After the last connection was closed. */
  close(): Promise<void>;
}

/** Call it before SQLite has opened the database. If it rejects with `home.inconsistent`, it has written nothing. */
export const checkJournal = async (folder: string): Promise<void> => {
  const mark = await readMark(folder);
  const file = join(folder, DATABASE_FILE);
  const life = lifeIn(await headOf(file, LIFE_ENDS_AT));
  // Whether a database may be created is decided elsewhere.
  if (life === undefined) return;
  const journal = await journalOf(file);
  const reason =
    mark === undefined
      ? unmarked(life, journal)
      : ((journal === undefined ? undefined : foreignJournal(mark, life, journal)) ??
        lostCommits(mark, await readStoredSeq(file)));
  if (reason !== undefined) throw fail('home.inconsistent', { home: folder, reason });
};

/** A database from before there were marks has no life; any other had a mark. */
const unmarked = (life: number, journal: number | undefined): string | undefined =>
  life === 0 || journal === undefined
    ? undefined
    : `the mark (${MARK_FILE}) is missing, without which nothing tells whether the journal (${DATABASE_FILE}-wal) belongs to the database`;

const foreignJournal = (mark: Mark, life: number, journal: number): string | undefined => {
  const journalFile = `the journal (${DATABASE_FILE}-wal)`;
  if (!mark.isOpen)
    return `${journalFile} is of another time than the database, which was closed without one`;
  if (!mark.lives.includes(life))
    return `${journalFile} was not written for this database (${DATABASE_FILE})`;
  return mark.journal === undefined || mark.journal === journal
    ? undefined
    : `${journalFile} is another one than the database (${DATABASE_FILE}) was used with`;
};

const lostCommits = (mark: Mark, seq: number): string | undefined =>
  seq >= mark.seq
    ? undefined
    : `the database ends at event ${seq}, but ${mark.seq} were written: its journal (${DATABASE_FILE}-wal) was lost or cut, or the database (${DATABASE_FILE}) is an older copy`;

interface OpenDatabase {
  readonly folder: string;
  /** Its file, open for as long as SQLite has it open. */
  readonly database: number;
  readonly writer: SqliteConnection;
  readonly seq: number;
}

/** Gives the open database its next life. Nobody else may read or write it meanwhile. */
export const openJournalMark = async ({
  folder,
  database,
  writer,
  seq,
}: OpenDatabase): Promise<JournalMark> => {
  const file = join(folder, DATABASE_FILE);
  const life = randomInt(1, 2 ** 31 - 1);
  const mark = openMarkFile(join(folder, MARK_FILE));
  try {
    const before = lifeIn(headIn(database, LIFE_ENDS_AT)) ?? 0;
    mark.write({ lives: [before, life], isOpen: true, seq });
    mark.sync();
    syncFolder(folder);
    await writer.run({ sql: `pragma user_version = ${life}`, parameters: [] });
    await writer.rows({ sql: 'pragma wal_checkpoint(full)', parameters: [] });
    if (lifeIn(headIn(database, LIFE_ENDS_AT)) !== life)
      throw fail('store.unavailable', { reason: `its journal could not be written into ${file}` });
    const known = { lives: [life], journal: await journalOf(file) };
    mark.write({ ...known, isOpen: true, seq });
    let noted = seq;
    return {
      note: (now) => {
        if (now === noted) return;
        const before = noted;
        noted = now;
        try {
          mark.write({ ...known, isOpen: true, seq: now });
        } catch {
          // The commit stands. A mark that lags detects fewer losses, and none that did not happen; the next note
          // writes it.
          noted = before;
        }
      },
      close: async () => {
        // A journal that could not be checkpointed into the database is still needed.
        if ((await journalOf(file)) === undefined) {
          syncFolder(folder);
          mark.write({ lives: [life], isOpen: false, seq: noted });
          mark.sync();
        }
        mark.close();
      },
    };
  } catch (error) {
    mark.close();
    throw error;
  }
};

const openMarkFile = (path: string) => {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  return {
    write: (mark: Mark): void => {
      writeSync(file, `${JSON.stringify(mark).padEnd(MARK_BYTES - 1)}\n`, 0);
    },
    sync: () => fsyncSync(file),
    close: () => closeSync(file),
  };
};

const syncFolder = (folder: string): void => {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
};

/** Undefined if there is none, or its first write was cut short. */
const readMark = async (folder: string): Promise<Mark | undefined> => {
  const text = await readFile(join(folder, MARK_FILE), 'utf8').catch(ifMissing(undefined));
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return Mark.parse(JSON.parse(text));
  } catch (error) {
    const reason = `the mark (${MARK_FILE}) is not what a server wrote`;
    throw fail('home.inconsistent', { home: folder, reason }, { cause: error });
  }
};

/** `user_version` in the first page of the file itself, whatever a journal says. */
const lifeIn = (head: Buffer | undefined): number | undefined => head?.readInt32BE(60);
const LIFE_ENDS_AT = 64;

const JOURNAL_MAGIC = [0x377f0682, 0x377f0683];

/** What identifies a journal; undefined if there is none that SQLite would use. */
const journalOf = async (database: string): Promise<number | undefined> => {
  const head = await headOf(`${database}-wal`, 32);
  if (head === undefined || !JOURNAL_MAGIC.includes(head.readUInt32BE(0))) return undefined;
  const [checkpoints, salt] = [head.readUInt32BE(12), head.readUInt32BE(16)];
  return (salt - checkpoints) >>> 0;
};

/** The first bytes of a file; undefined if it has fewer. */
const headIn = (file: number, sizeBytes: number): Buffer | undefined => {
  const head = Buffer.alloc(sizeBytes);
  return readSync(file, head, 0, sizeBytes, 0) === sizeBytes ? head : undefined;
};

const headOf = async (path: string, sizeBytes: number): Promise<Buffer | undefined> => {
  const file = await open(path).catch(ifMissing(undefined));
  if (file === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(sizeBytes), 0, sizeBytes, 0);
    return bytesRead === sizeBytes ? buffer : undefined;
  } finally {
    await file.close();
  }
};
