import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Clock, INDEXES, PRUNED } from '@berth/core';
import { storeLaws } from '@berth/core/laws';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builder, type SqlQuery } from '../../src/store/connection.ts';
import { firstTables } from '../../src/store/migrations/0001-first-tables.ts';
import { migrate } from '../../src/store/migrations.ts';
import { readRecords, SORTED_COLUMNS } from '../../src/store/records.ts';
import { openSqlite, translateSqliteError } from '../../src/store/sqlite-connection.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const insert = (table: string, values: Readonly<Record<string, string | number>>): SqlQuery => ({
  sql: `insert into ${table} (${Object.keys(values)
    .map((name) => `"${name}"`)
    .join(', ')}) values (${Object.keys(values)
    .map(() => '?')
    .join(', ')})`,
  parameters: Object.values(values),
});

const clock: Clock = { now: () => Date.now(), sleep: async () => undefined };

storeLaws('on SQLite', async (at) => {
  const home = await mkdtemp(join(tmpdir(), 'berth-laws-'));
  const store = await openSqliteStore({ folder: home, clock: at });
  return {
    store,
    close: async () => {
      await store.close();
      await rm(home, { recursive: true });
    },
  };
});

describe('the SQLite store', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-store-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('numbers an event after the newest of the log, whoever wrote that, and names no number it did not write', async () => {
    const store = await openSqliteStore({ folder, clock });
    const emit = () =>
      store.write((tx) => tx.emit({ type: 'task.created', subject: 'tk_1', data: { title: 't' } }));
    expect((await emit()).seq).toBe(1);
    // As a second process would, between two transactions of this one.
    const other = openSqlite(join(folder, 'berth.db'));
    await other.run(
      insert('events', {
        ...{ seq: 2, id: 'ev_other', type: 'task.created', version: 1, at: 0, subject: 'tk_2' },
        ...{ data: '{"title":"t"}', totalBytes: 26 },
      }),
    );
    other.close();
    expect(await store.write((tx) => tx.lastSeq())).toBe(2);
    expect((await emit()).seq).toBe(3);
    await store.close();
  });

  it('has the columns of INDEXES, and the file is for its owner alone', async () => {
    const store = await openSqliteStore({ folder, clock });
    expect((await stat(store.file)).mode & 0o777).toBe(0o600);
    await store.close();
    const database = new Database(join(folder, 'berth.db'));
    for (const [table, indexed] of Object.entries(INDEXES)) {
      const rows = database.prepare('select name from pragma_table_info(?)').all(table) as { name: string }[];
      const sorted = SORTED_COLUMNS[table as keyof typeof INDEXES] ?? [];
      const expected = ['id', 'revision', 'createdAt', 'updatedAt', 'body', ...indexed, ...sorted];
      expect(rows.map(({ name }) => name).sort(), table).toEqual(expected.sort());
    }
    database.close();
  });

  it('finds the longest untouched rows by an index, not by looking at all', async () => {
    const connection = openSqlite(join(folder, 'berth.db'));
    await migrate(connection, 1);
    const asked: SqlQuery[] = [];
    const watched = {
      ...connection,
      rows: async (query: SqlQuery) => {
        asked.push(query);
        return [];
      },
    };
    const after = { id: 'a', updatedAt: 1 };
    for (const table of PRUNED) {
      const hasStates = (INDEXES[table] as readonly string[]).includes('state');
      const where = hasStates ? { state: ['done', 'failed'] } : {};
      await readRecords(watched, table).untouched({ where, since: 5, limit: 9 });
    }
    await readRecords(watched, 'sagas').untouched({ where: { state: 'done' }, since: 5, after, limit: 9 });
    for (const { sql, parameters } of asked) {
      const plan = await connection.rows({ sql: `explain query plan ${sql}`, parameters });
      expect(
        plan.map(({ detail }) => String(detail)),
        sql,
      ).toEqual([expect.stringMatching(/^SEARCH (\w+) USING INDEX \1_by_updatedAt_id/)]);
    }
    connection.close();
  });

  it('remembers records and sequence numbers over a restart', async () => {
    const first = await openSqliteStore({ folder, clock });
    await first.write(async (tx) => {
      await tx.table('settings').insert({ id: 'a', value: { deep: [1] } });
      await tx.emit({ type: 'task.created', subject: 'a', data: { title: 'one' } });
    });
    await first.close();
    const second = await openSqliteStore({ folder, clock });
    expect(await second.read((tx) => tx.table('settings').get('a'))).toMatchObject({ value: { deep: [1] } });
    const event = await second.write((tx) =>
      tx.emit({ type: 'task.created', subject: 'a', data: { title: 'two' } }),
    );
    expect(event.seq).toBe(2);
    await second.close();
  });

  it('opens a database of the first version with what it holds, and goes on with it', async () => {
    const connection = openSqlite(join(folder, 'berth.db'));
    await migrate(connection, 1, [firstTables]);
    const body = { title: 'Fix it', state: 'completed', workspaceId: 'ws_1' };
    const row = { id: 'tk_1', revision: 3, createdAt: 1, updatedAt: 2, body: JSON.stringify(body) };
    const indexed = { state: 'completed', workspaceId: 'ws_1' };
    await connection.run(insert('tasks', { ...row, ...indexed }));
    const event = { version: 1, subject: 'tk_1', data: JSON.stringify({ title: 'Fix it' }) };
    for (const seq of [1, 2, 3])
      await connection.run(insert('events', { ...event, seq, id: `ev_${seq}`, type: 'task.created', at: 1 }));
    connection.close();

    const store = await openSqliteStore({ folder, clock });
    expect(await store.read((tx) => tx.table('tasks').get('tk_1'))).toMatchObject({ ...body, revision: 3 });
    const sent = { type: 'task.created', subject: 'tk_2', data: { title: 'x' } } as const;
    expect(await store.write((tx) => tx.emit(sent))).toMatchObject({ seq: 4 });
    const bounds = { before: 0, keep: 100, keepBytes: 1e9, limit: 10 };
    expect(await store.write((tx) => tx.forgetEvents(bounds))).toBe(0);
    expect(await store.write((tx) => tx.forgetEvents({ ...bounds, keep: 2 }))).toBe(2);
    const left = { table: 'tasks', where: { state: 'completed' }, since: 10, limit: 9 } as const;
    expect(await store.read((tx) => tx.table('tasks').untouched(left))).toMatchObject([{ id: 'tk_1' }]);
    await store.close();
  });

  it('refuses a migration that was changed after it ran, and a database of a newer version', async () => {
    const connection = openSqlite(join(folder, 'berth.db'));
    const table = (name: string) => ({
      name: '0001-x',
      statements: [builder.schema.createTable(name).addColumn('id', 'text').compile()],
    });
    await migrate(connection, 1, [table('a')]);
    await migrate(connection, 1, [table('a')]);
    const changed = { code: 'store.migration_changed', details: { name: '0001-x' } };
    await expect(migrate(connection, 1, [table('b')])).rejects.toMatchObject(changed);
    const newer = { code: 'store.newer', message: expect.stringContaining('newer Berth') };
    await expect(migrate(connection, 1, [])).rejects.toMatchObject(newer);
    connection.close();
  });

  it('leaves nothing of a migration that fails, nor of those that ran with it', async () => {
    const connection = openSqlite(join(folder, 'berth.db'));
    const create = builder.schema.createTable('twice').addColumn('id', 'text').compile();
    await expect(
      migrate(connection, 1, [
        { name: '0001-x', statements: [create] },
        { name: '0002-x', statements: [create] },
      ]),
    ).rejects.toThrow();
    const tables = { sql: 'select name from sqlite_master', parameters: [] };
    expect(await connection.rows(tables)).toEqual([]);
    await migrate(connection, 1, [{ name: '0001-x', statements: [create] }]);
    connection.close();
  });

  it('tells what the operator can mend', () => {
    const failure = (code: string) =>
      translateSqliteError(new Database.SqliteError('x', code), '/d/berth.db');
    expect(failure('SQLITE_FULL')).toMatchObject({ code: 'disk.full', details: { path: '/d/berth.db' } });
    for (const code of ['SQLITE_BUSY', 'SQLITE_IOERR_WRITE', 'SQLITE_READONLY_DBMOVED']) {
      expect(failure(code)).toMatchObject({
        code: 'store.unavailable',
        details: { reason: `${code} at /d/berth.db` },
      });
    }
    expect(failure('SQLITE_CONSTRAINT')).toMatchObject({ code: 'SQLITE_CONSTRAINT' });
  });

  it('says disk.full when no page is left, and goes on when there is room again', async () => {
    const connection = openSqlite(join(folder, 'berth.db'));
    await migrate(connection, 1);
    const [pages] = await connection.rows({ sql: 'pragma page_count', parameters: [] });
    await connection.rows({ sql: `pragma max_page_count = ${pages?.page_count}`, parameters: [] });
    const row = { id: 'a', revision: 1, createdAt: 1, updatedAt: 1, body: 'x'.repeat(100_000) };
    const insert = builder.insertInto('settings').values(row).compile();
    await expect(connection.run(insert)).rejects.toMatchObject({ code: 'disk.full' });
    await connection.rows({ sql: 'pragma max_page_count = 100000', parameters: [] });
    expect(await connection.run(insert)).toBe(1);
    connection.close();
  });

  it('refuses the use of a transaction after its callback', async () => {
    const store = await openSqliteStore({ folder, clock });
    const leaked = await store.write(async (tx) => ({ tx }));
    await expect(leaked.tx.table('settings').insert({ id: 'late', value: 1 })).rejects.toThrow(/transaction/);
    await store.close();
  });

  it('loses no acknowledged write and leaves no hole when it is killed at any moment', async () => {
    for (let round = 0; round < 3; round += 1) {
      const acknowledged = await writeUntilKilled(folder, 40 + round * 25);
      const store = await openSqliteStore({ folder, clock });
      const { events, count } = await store.read(async (tx) => ({
        events: await tx.events({ afterSeq: 0, limit: 100_000 }),
        count: await tx.table('settings').count(),
      }));
      await store.close();
      expect(events.length).toBeGreaterThanOrEqual(acknowledged);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect(count).toBe(events.length);
    }
  });

  it('commits a durable transaction at a small multiple of what making a page durable costs', async () => {
    const store = await openSqliteStore({ folder, clock });
    const page = openSync(join(folder, 'page'), 'w');
    const [times, pages]: [number[], number[]] = [[], []];
    for (let index = 0; index < 300; index += 1) {
      const before = performance.now();
      writeSync(page, Buffer.alloc(4096));
      fdatasyncSync(page);
      const start = performance.now();
      pages.push(start - before);
      await store.write(async (tx) => {
        const row = await tx.table('settings').insert({ id: `s${index}`, value: 1 });
        await tx.table('settings').update(row.id, row.revision, { value: 2 });
        await tx.emit({ type: 'task.created', subject: row.id, data: { title: 'x' } });
      });
      times.push(performance.now() - start);
    }
    closeSync(page);
    await store.close();
    const median = (list: number[]): number => list.sort((a, b) => a - b)[150] ?? 0;
    expect(median(times)).toBeLessThan(20 * median(pages));
  });
});

describe('the lock of the home folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-lock-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const lock = (holder: unknown) => writeFile(join(folder, 'lock'), JSON.stringify(holder));

  it('refuses a second server and names the first', async () => {
    const store = await openSqliteStore({ folder, clock });
    await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({
      code: 'store.locked',
      details: { pid: process.pid },
    });
    await store.close();
    const next = await openSqliteStore({ folder, clock });
    await next.close();
    await expect(readFile(join(folder, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each(['the lock', 'the database'])('holds a folder that somebody changes by hand: %s', async (what) => {
    const store = await openSqliteStore({ folder, clock });
    const elsewhere = await mkdtemp(join(tmpdir(), 'berth-lock-'));
    const moves = {
      'the lock': () => rm(join(folder, 'lock')),
      'the database': () => link(join(folder, 'berth.db'), join(elsewhere, 'berth.db')),
    };
    await moves[what as keyof typeof moves]();
    const second = what === 'the lock' ? folder : elsewhere;
    await expect(openSqliteStore({ folder: second, clock })).rejects.toMatchObject({
      code: 'store.locked',
      details: { pid: null },
    });
    await store.close();
    await rm(elsewhere, { recursive: true });
  });

  it('keeps the locks of SQLite, which end when any descriptor of its file is closed', async () => {
    const store = await openSqliteStore({ folder, clock });
    const { ino } = await stat(store.file);
    const locks = (await readFile('/proc/locks', 'utf8'))
      .split('\n')
      .filter((line) => line.includes(`:${ino} `));
    expect(locks.map((line) => line.split(/ +/)[1]).sort()).toEqual(['FLOCK', 'POSIX']);
    await store.close();
  });

  it('takes over a folder that names another process', async () => {
    await lock({ pid: process.pid, startedAt: 'another boot:1' });
    await (await openSqliteStore({ folder, clock })).close();
  });

  it('takes over a file that names nobody, and lets one of many rivals win', async () => {
    await lock('nonsense');
    const rivals = await Promise.allSettled(
      Array.from({ length: 8 }, () => openSqliteStore({ folder, clock })),
    );
    const winners = rivals.filter((rival) => rival.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const winner of winners) await winner.value.close();
  });

  it.each(['berth.db', 'berth.db-wal', 'berth.mark', 'lock'])(
    'names what cannot be opened and leaves nothing behind: %s is a folder',
    async (name) => {
      await mkdir(join(folder, name));
      await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({
        code: 'store.unavailable',
        message: expect.stringContaining(`${join(folder, name)} is a folder`),
      });
      expect(await readdir(folder)).toEqual([name]);
    },
  );

  it('gives the folder back when the database cannot be opened', async () => {
    await writeFile(join(folder, 'berth.db'), 'no database'.repeat(1000));
    await expect(openSqliteStore({ folder, clock })).rejects.toMatchObject({ code: 'store.unavailable' });
    await expect(readFile(join(folder, 'lock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** Runs a child that writes as fast as it can and kills it once it has acknowledged enough. Returns what it said last. */
const writeUntilKilled = async (folder: string, enough: number): Promise<number> => {
  const writer = fileURLToPath(import.meta.resolve('./write-forever.ts'));
  const child = spawn(process.execPath, [writer, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  let acknowledged = 0;
  const start = { seq: 0 };
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    start.seq ||= acknowledged;
    if (acknowledged - start.seq >= enough) child.kill('SIGKILL');
  }
  await ended;
  return acknowledged;
};
