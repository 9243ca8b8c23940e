/** Reads what a database that is not open yet contains, without changing a byte of it. */

import { statSync } from 'node:fs';
import type { Ids, Store } from '@berth/core';
import Database from 'better-sqlite3';
import { z } from 'zod';
import { translateSqliteError } from './sqlite-connection.ts';

const Row = z.object({ id: z.string(), body: z.string() });
const Body = z.object({ value: z.string() });

/** Text settings, by name; empty if there is no such table yet. Throws `store.unavailable`. */
export const readSettings = (file: string): Readonly<Record<string, string>> =>
  look(file, 'settings', {}, (database) => {
    const rows = z.array(Row).parse(database.prepare('select id, body from settings').all());
    return Object.fromEntries(
      rows.flatMap(({ id, body }) => {
        const parsed = Body.safeParse(JSON.parse(body));
        return parsed.success ? [[id, parsed.data.value] as const] : [];
      }),
    );
  });

/** The number of the newest event; 0 if there is none. Throws `store.unavailable`. */
export const readStoredSeq = (file: string): number =>
  look(file, 'events', 0, (database) =>
    z.number().parse(database.prepare('select coalesce(max(seq), 0) from events').pluck().get()),
  );

const look = <T>(file: string, table: string, absent: T, read: (database: Database.Database) => T): T => {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) return absent;
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true, fileMustExist: true });
    const known = database.prepare("select 1 from sqlite_master where type = 'table' and name = ?");
    return known.get(table) === undefined ? absent : read(database);
  } catch (error) {
    throw translateSqliteError(error, file);
  } finally {
    database?.close();
  }
};

/** The installation's identity: created once, kept in the database, written on everything that drivers create. */
const NAME = 'installation';

export const installationId = (store: Store, ids: Ids): Promise<string> =>
  store.write(async (tx) => {
    const known = await tx.table('settings').get(NAME);
    if (typeof known?.value === 'string') return known.value;
    // The random part: short names and labels are made from it.
    const id = `in${ids.new('workspace').slice(-10)}`;
    await tx.table('settings').insert({ id: NAME, value: id });
    return id;
  });
