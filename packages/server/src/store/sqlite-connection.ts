/**
 * SQLite through better-sqlite3: durable by default (write-ahead log, `synchronous=FULL`: a resolved commit is on
 * disk), statements prepared once, SQLite's errors mapped to the error catalogue.
 */

import { open as openFile } from 'node:fs/promises';
import { fail, isBerthError } from '@berth/contract';
import Database from 'better-sqlite3';
import type { SqlConnection, SqlQuery, SqlRow, SqlValue } from './connection.ts';

/** Statements cached per connection; the store has about a hundred shapes. */
const MAX_STATEMENTS = 500;

export interface SqliteConnection extends SqlConnection {
  begin(kind: 'read' | 'write'): void;
  commit(): void;
  /** Does nothing if SQLite has already rolled back (disk full, I/O error). */
  rollback(): void;
  close(): void;
}

export const openSqlite = (file: string): SqliteConnection => {
  const database = translated(file, () => open(file));
  const statements = new Map<string, Database.Statement>();
  const prepare = (sql: string): Database.Statement => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    const statement = database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  const run = (query: SqlQuery): number =>
    translated(file, () => prepare(query.sql).run(...values(query)).changes);
  const plain = (sql: string) => void run({ sql, parameters: [] });
  return {
    rows: async (query) =>
      translated(file, () => prepare(query.sql).all(...values(query)) as readonly SqlRow[]),
    run: async (query) => run(query),
    begin: (kind) => plain(kind === 'write' ? 'begin immediate' : 'begin'),
    commit: () => plain('commit'),
    rollback: () => {
      if (database.inTransaction) plain('rollback');
    },
    close: () => void database.close(),
  };
};

const values = (query: SqlQuery): SqlValue[] => query.parameters as SqlValue[];

const open = (file: string): Database.Database => {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('busy_timeout = 5000');
  database.pragma('foreign_keys = on');
  return database;
};

const translated = <T>(file: string, act: () => T): T => {
  try {
    return act();
  } catch (error) {
    throw translateSqliteError(error, file);
  }
};

/**
 * `disk.full` and `store.unavailable` for what the operator can fix; anything else is a bug of ours and passes
 * unchanged.
 */
export const translateSqliteError = (error: unknown, file: string): unknown => {
  const code = sqliteCode(error);
  if (code === undefined || isBerthError(error)) return error;
  if (code === 'SQLITE_FULL') return fail('disk.full', { path: file }, { cause: error });
  const mendable = /^SQLITE_(BUSY|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|PERM|LOCKED|PROTOCOL)/.test(code);
  return mendable ? fail('store.unavailable', { reason: `${code} at ${file}` }, { cause: error }) : error;
};

export const sqliteCode = (error: unknown): string | undefined =>
  error instanceof Database.SqliteError ? error.code : undefined;

/** Of the library, as compiled. */
export const sqliteVersion = (): string => {
  const database = new Database(':memory:');
  try {
    return String(database.prepare('select sqlite_version()').pluck().get());
  } finally {
    database.close();
  }
};

/** A little more than SQLite's 1000 pages of 4096 bytes with a 24-byte header each. */
const ROOM_BYTES = 4_400_000;

/**
 * Preallocates the write-ahead log, once, when the store opens. A commit that extends the log has to write the file's
 * new length and block allocation, too, before it is durable; one that overwrites old bytes writes only itself (on
 * ext4: twenty times faster). SQLite restarts the log after each checkpoint and never shortens it, so once there is
 * room for what is between two checkpoints every commit is of the fast kind.
 *
 * Zeros behind the last frame mean nothing to SQLite: a frame is valid only with the salt of the log's head and a
 * checksum that continues the previous one, which is how it leaves old frames there itself
 * (https://sqlite.org/fileformat2.html#the_write_ahead_log).
 *
 * Call it when the log exists and nobody else writes to it. Rejects with `disk.full`.
 */
export const makeWalRoom = async (database: string): Promise<void> => {
  await using log = await openFile(`${database}-wal`, 'r+');
  const { size } = await log.stat();
  if (size >= ROOM_BYTES) return;
  try {
    await log.write(Buffer.alloc(ROOM_BYTES - size), 0, undefined, size);
    await log.sync();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw fail('disk.full', { path: database }, { cause: error });
  }
};
