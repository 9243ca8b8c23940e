/**
 * One SQL connection as the store uses it: compiled queries in, rows out. Everything above this file uses Kysely's
 * builder and SQL that PostgreSQL understands too; what is specific to SQLite is here and in `sqlite-connection.ts`.
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
  /** Returns the number of rows changed. */
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
 * Caches the text of a query by its shape, so that building and compiling costs once. The query that `build` returns
 * must depend only on the shape and the number of parameters.
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
