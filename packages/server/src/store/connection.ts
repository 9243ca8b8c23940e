/**
 * One SQL connection as the store uses it: compiled queries in, rows out. Everything above this file is written with
 * Kysely's builder in SQL that PostgreSQL understands too; what is SQLite's own is here and in `sqlite-connection.ts`.
 */
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Tables by name, columns by name: the record tables differ only in their indexes, so they share one row type. */
export type SqlTables = Record<string, Record<string, SqlValue>>;

export interface SqlConnection {
  rows(query: SqlQuery): Promise<readonly SqlRow[]>;
  /** Returns how many rows were changed. */
  run(query: SqlQuery): Promise<number>;
}

export type SqlQuery = Pick<CompiledQuery, 'sql' | 'parameters'>;

/** Builds and compiles queries; never runs one itself. */
export const builder = new Kysely<SqlTables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
});

/**
 * Remembers the text of a query by its shape, so that building and compiling is paid once. The query that `build`
 * makes must not depend on anything but the shape and the number of parameters.
 */
export const createShapes = (): ((
  shape: string,
  build: () => SqlQuery,
  parameters: SqlValue[],
) => SqlQuery) => {
  const texts = new Map<string, string>();
  return (shape, build, parameters) => {
    let sql = texts.get(shape);
    if (sql === undefined) {
      sql = build().sql;
      texts.set(shape, sql);
    }
    return { sql, parameters };
  };
};
