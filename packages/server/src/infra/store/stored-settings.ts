/** The settings of a database that is not opened yet, read without changing a byte of it. */
import Database from 'better-sqlite3';
import { z } from 'zod';
import { translateSqliteError } from './sqlite-connection.ts';

const Row = z.object({ id: z.string(), body: z.string() });
const Body = z.object({ value: z.string() });

/** Those that are text, by name; empty when there is no such table yet. Throws `store.unavailable`. */
export const readSettings = (file: string): Readonly<Record<string, string>> => {
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { readonly: true, fileMustExist: true });
    const tables = database.prepare("select 1 from sqlite_master where type = 'table' and name = 'settings'");
    if (tables.get() === undefined) return {};
    const rows = z.array(Row).parse(database.prepare('select id, body from settings').all());
    return Object.fromEntries(
      rows.flatMap(({ id, body }) => {
        const parsed = Body.safeParse(JSON.parse(body));
        return parsed.success ? [[id, parsed.data.value] as const] : [];
      }),
    );
  } catch (error) {
    throw translateSqliteError(error, file);
  } finally {
    database?.close();
  }
};
