/**
 * The store on SQLite: one file in the home, one connection that writes and one that reads. Writes are serialised; a
 * reader sees a snapshot as of the start of its transaction. The folder is locked for as long as the store is open.
 */
import { randomBytes } from 'node:crypto';
import { chmod, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Event, fail } from '@berth/contract';
import {
  assert,
  type Clock,
  createIds,
  createLocalNotifier,
  eventOf,
  type Ids,
  type Notifier,
  type ReadTx,
  type Store,
  type TableName,
  type Tx,
} from '@berth/core';
import { makeFolder } from '../system/make-folder.ts';
import { builder } from './connection.ts';
import {
  appendEvent,
  forgetEvents,
  type LogEnd,
  listEvents,
  readFirstSeq,
  readLastSeq,
  readLogEnd,
} from './event-log.ts';
import { lockFolder } from './folder-lock.ts';
import { jobClaims } from './job-claims.ts';
import { checkJournal, DATABASE_FILE, type JournalMark, MARK_FILE, openJournalMark } from './journal-mark.ts';
import { migrate } from './migrations.ts';
import { readRecords, records } from './records.ts';
import { createSerial } from './serial.ts';
import { makeWalRoom, openSqlite, type SqliteConnection } from './sqlite-connection.ts';

export interface SqliteStoreOptions {
  /** The home folder; created with mode 0700 if absent. */
  readonly folder: string;
  readonly clock: Clock;
  /** Inspects the folder while nobody else may open it, before the database is opened. */
  readonly check?: ((folder: string) => Promise<void>) | undefined;
  /** Receives every commit; by default a private one. */
  readonly notifier?: Notifier | undefined;
}

export interface SqliteStore extends Store {
  /** The database file. */
  readonly file: string;
}

/**
 * Rejects with `store.locked`, `home.inconsistent`, `store.newer`, `store.migration_changed`, `store.unavailable` or
 * `disk.full`.
 */
export const openSqliteStore = async (options: SqliteStoreOptions): Promise<SqliteStore> => {
  const { folder, clock, check, notifier = createLocalNotifier() } = options;
  await makeFolder(folder);
  await assertFiles(folder);
  const file = join(folder, DATABASE_FILE);
  const lock = lockFolder(folder, file);
  const open: SqliteConnection[] = [];
  let mark: JournalMark | undefined;
  const closeAll = async () => {
    for (const connection of open.splice(0)) connection.close();
    const marking = mark;
    mark = undefined;
    await marking?.close();
    lock.release();
  };
  try {
    await checkJournal(folder);
    await check?.(folder);
    const writer = openSqlite(file);
    open.push(writer);
    const database = lock.database();
    await chmod(file, 0o600);
    await migrate(writer, clock.now());
    await makeWalRoom(file);
    const { seq } = await readLogEnd(writer);
    mark = await openJournalMark({ folder, database, writer, seq });
    const reader = openSqlite(file);
    open.push(reader);
    const store = createStore({ writer, reader, clock, notifier, mark });
    return { ...store, file, close: () => store.close().then(closeAll) };
  } catch (error) {
    await closeAll();
    throw error;
  }
};

const FILES = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`, MARK_FILE, 'lock'];

/** System errors about a folder in place of the file name neither. */
const assertFiles = async (folder: string): Promise<void> => {
  const entries = await readdir(folder, { withFileTypes: true });
  const wrong = entries.find((entry) => FILES.includes(entry.name) && entry.isDirectory());
  if (wrong !== undefined)
    throw fail('store.unavailable', {
      reason: `${join(folder, wrong.name)} is a folder, and should be a file`,
    });
};

interface Parts {
  readonly writer: SqliteConnection;
  readonly reader: SqliteConnection;
  readonly clock: Clock;
  readonly notifier: Notifier;
  readonly mark: JournalMark;
}

const createStore = ({ writer, reader, clock, notifier, mark }: Parts): Store => {
  const ids = createIds(clock, randomBytes);
  const inWriteTurn = createSerial();
  const inReadTurn = createSerial();
  let closed = false;

  const write = <T>(change: (tx: Tx) => Promise<T>): Promise<T> =>
    inWriteTurn(async () => {
      assertOpen(closed);
      const tx = writeTx({ writer, clock, ids });
      const result = await inTransaction(writer, 'write', tx, () => change(tx.tx));
      const newest = tx.events.at(-1);
      if (newest !== undefined) mark.note(newest.seq);
      notifier.publish({ events: tx.events, topics: tx.topics });
      return result;
    });

  return {
    write,
    read: (look) =>
      inReadTurn(async () => {
        assertOpen(closed);
        const tx = readTx(reader);
        return await inTransaction(reader, 'read', tx, () => look(tx.tx));
      }),
    notices: { subscribe: notifier.subscribe },
    check: () =>
      inWriteTurn(async () => {
        assertOpen(closed);
        await beat(writer, clock.now());
      }),
    async close() {
      closed = true;
      await Promise.all([inWriteTurn(async () => undefined), inReadTurn(async () => undefined)]);
    },
  };
};

interface Ending {
  /** From now on any use of the transaction is a programming error. */
  end(): void;
}

const inTransaction = async <T>(
  connection: SqliteConnection,
  kind: 'read' | 'write',
  tx: Ending,
  act: () => Promise<T>,
): Promise<T> => {
  connection.begin(kind);
  try {
    const result = await act();
    connection.commit();
    return result;
  } catch (error) {
    connection.rollback();
    throw error;
  } finally {
    tx.end();
  }
};

const readTx = (connection: SqliteConnection): Ending & { readonly tx: ReadTx } => {
  const guarded = guard(connection);
  const tx: ReadTx = {
    table: (name) => readRecords(guarded.connection, name),
    events: (query) => listEvents(guarded.connection, query),
    lastSeq: () => readLastSeq(guarded.connection),
    firstSeq: () => readFirstSeq(guarded.connection),
  };
  return { tx, end: guarded.end };
};

const writeTx = ({
  writer,
  clock,
  ids,
}: Pick<Parts, 'writer' | 'clock'> & { readonly ids: Ids }): Ending & {
  readonly tx: Tx;
  readonly events: readonly Event[];
  readonly topics: ReadonlySet<string>;
} => {
  const guarded = guard(writer);
  const events: Event[] = [];
  const topics = new Set<string>();
  let end: LogEnd | undefined;
  /** Read under the lock that the transaction holds, so it includes whatever was written before, in any process. */
  const logEnd = async (): Promise<LogEnd> => {
    end ??= await readLogEnd(guarded.connection);
    return end;
  };
  const now = () => clock.now();
  const table = <N extends TableName>(name: N) => records(guarded.connection, name, now);
  const tx: Tx = {
    table,
    events: (query) => listEvents(guarded.connection, query),
    lastSeq: async () => (await logEnd()).seq,
    firstSeq: () => readFirstSeq(guarded.connection),
    async emit(fact) {
      const last = await logEnd();
      const event = eventOf(fact, { seq: last.seq + 1, id: ids.new('event'), at: now() });
      end = await appendEvent(guarded.connection, event, last);
      events.push(event);
      return event;
    },
    notify: (topic) => void topics.add(topic),
    forgetEvents: async (query) => forgetEvents(guarded.connection, query, await logEnd()),
    jobs: jobClaims(guarded.connection, table('jobs')),
  };
  return { tx, events, topics, end: guarded.end };
};

/** Rejects queries after the end of the transaction, which would otherwise run outside any, or inside another one. */
const guard = (connection: SqliteConnection) => {
  let ended = false;
  const check = () => assert(!ended, 'a transaction was used after its callback had settled');
  return {
    connection: {
      rows: async (query: Parameters<SqliteConnection['rows']>[0]) => {
        check();
        return await connection.rows(query);
      },
      run: async (query: Parameters<SqliteConnection['run']>[0]) => {
        check();
        return await connection.run(query);
      },
    },
    end: () => {
      ended = true;
    },
  };
};

/** A real, durable write: anything less would not notice a full disk. */
const beat = async (writer: SqliteConnection, now: number): Promise<void> => {
  try {
    await writer.run(
      builder
        .insertInto('pulse')
        .values({ id: 'pulse', at: now })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ at: now }))
        .compile(),
    );
  } catch (error) {
    throw fail('store.unavailable', { reason: 'a write did not succeed' }, { cause: error });
  }
};

const assertOpen = (closed: boolean): void => {
  if (closed) throw fail('store.unavailable', { reason: 'the store is closed' });
};
