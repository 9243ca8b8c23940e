/**
 * The record tables. A row's fields are JSON in `body`; the columns of `INDEXES` repeat what it is found by, and are
 * written from the body, so that they cannot disagree with it.
 */

import { fail } from '@berth/contract';
import {
  INDEXES,
  type IndexOf,
  type ListQuery,
  NOUNS,
  type Patch,
  type ReadRecords,
  type Records,
  type RowOf,
  type TableName,
  toJson,
  type Where,
} from '@berth/core';
import { type Expression, type SelectQueryBuilder, sql } from 'kysely';
import {
  builder,
  createShapes,
  type SqlConnection,
  type SqlRow,
  type SqlTables,
  type SqlValue,
} from './connection.ts';
import { sqliteCode } from './sqlite-connection.ts';

/** Numbers that a query sorts or compares by, beyond the columns of `INDEXES`: only the queue needs any. */
export const SORTED_COLUMNS: Partial<Record<TableName, readonly string[]>> = {
  jobs: ['priority', 'runAt', 'leaseUntil'],
};

const DEFAULT_LIMIT_ROWS = 1000;

const shapes = createShapes();

export const readRecords = <N extends TableName>(connection: SqlConnection, name: N): ReadRecords<N> => {
  const table: string = name;
  return {
    async get(id) {
      const query = shapes(
        `${table} get`,
        () => builder.selectFrom(table).selectAll().where('id', '=', id).compile(),
        [id],
      );
      const [row] = await connection.rows(query);
      return row === undefined ? undefined : toRecord<N>(row);
    },
    async list(query: ListQuery<N> = {}) {
      const order = query.order ?? 'asc';
      let select = narrowed(builder.selectFrom(table).selectAll(), query.where);
      if (query.after !== undefined) select = select.where('id', order === 'asc' ? '>' : '<', query.after);
      const rows = await connection.rows(
        select
          .orderBy('id', order)
          .limit(query.limit ?? DEFAULT_LIMIT_ROWS)
          .compile(),
      );
      return rows.map((row) => toRecord<N>(row));
    },
    async untouched({ where, since, after, limit }) {
      let select = builder.selectFrom(table).selectAll().where('updatedAt', '<', since);
      select = narrowed(select, where, false);
      if (after !== undefined)
        select = select.where(sql<boolean>`("updatedAt", "id") > (${after.updatedAt}, ${after.id})`);
      const rows = await connection.rows(select.orderBy('updatedAt').orderBy('id').limit(limit).compile());
      return rows.map((row) => toRecord<N>(row));
    },
    async count(where) {
      const [row] = await connection.rows(
        narrowed(
          builder.selectFrom(table).select((e) => e.fn.countAll<number>().as('count')),
          where,
        ).compile(),
      );
      return Number(row?.count ?? 0);
    },
    async countBy(column: IndexOf<N>) {
      const rows = await connection.rows(
        builder
          .selectFrom(table)
          .select((e) => [e.ref(column).as('value'), e.fn.countAll<number>().as('count')])
          .where(column, 'is not', null)
          .groupBy(column)
          .compile(),
      );
      return Object.fromEntries(rows.map((row) => [String(row.value), Number(row.count)]));
    },
  };
};

export const records = <N extends TableName>(
  connection: SqlConnection,
  name: N,
  now: () => number,
): Records<N> => {
  const table: string = name;
  const noun = NOUNS[name];
  const reader = readRecords(connection, name);
  return {
    ...reader,
    async insert(row) {
      const at = now();
      const columns = toColumns(name, { ...row, revision: 1, createdAt: at, updatedAt: at });
      const query = shapes(
        `${table} insert`,
        () => builder.insertInto(table).values(columns).compile(),
        Object.values(columns),
      );
      try {
        await connection.run(query);
      } catch (error) {
        if (sqliteCode(error) !== 'SQLITE_CONSTRAINT_PRIMARYKEY') throw error;
        throw fail('record.exists', { noun, id: row.id }, { cause: error });
      }
      return toRecord<N>(columns);
    },
    async update(id, revision, patch: Patch<RowOf<N>>) {
      const old = await reader.get(id);
      if (old === undefined) throw fail('record.missing', { noun, id });
      if (old.revision !== revision) throw fail('record.changed', { noun, id });
      const columns = toColumns(name, { ...old, ...patch, revision: revision + 1, updatedAt: now() });
      const query = shapes(
        `${table} update`,
        () =>
          builder
            .updateTable(table)
            .set(columns)
            .where('id', '=', id)
            .where('revision', '=', revision)
            .compile(),
        [...Object.values(columns), id, revision],
      );
      if ((await connection.run(query)) === 0) throw fail('record.changed', { noun, id });
      return toRecord<N>(columns);
    },
    async remove(id) {
      const query = shapes(
        `${table} remove`,
        () => builder.deleteFrom(table).where('id', '=', id).compile(),
        [id],
      );
      return (await connection.run(query)) > 0;
    },
  };
};

type Select<O> = SelectQueryBuilder<SqlTables, string, O>;

const byTheIndex = (column: string): Expression<unknown> => sql.ref(column);

/**
 * Keeps the database from using this column's index: among old rows, or next to a better column, most rows match, and
 * it would read them all.
 */
const besideTheIndex = (column: string): Expression<unknown> => sql`coalesce(${sql.ref(column)}, '')`;

/**
 * Columns with many rows per value, and more with every finished task, the least selective last. Without statistics
 * the database considers all indexes equally good.
 */
const BROAD: readonly string[] = ['state', 'workspaceId', 'name', 'queue', 'role', 'routeId'];

/** The one whose index finds the fewest rows. */
const narrowest = (columns: readonly string[]): string | undefined =>
  columns.find((column) => !BROAD.includes(column)) ?? BROAD.find((column) => columns.includes(column));

/** Adds the conditions, one of which is looked up; an empty list matches nothing. */
const narrowed = <O>(query: Select<O>, where: Where<TableName> | undefined, isLookedUp = true): Select<O> => {
  let narrowed = query;
  const given = Object.entries<string | readonly string[] | undefined>(where ?? {});
  const driving = narrowest(given.filter(([, wanted]) => wanted !== undefined).map(([name]) => name));
  for (const [name, wanted] of given) {
    if (wanted === undefined) continue;
    const column = isLookedUp && name === driving ? byTheIndex : besideTheIndex;
    if (typeof wanted === 'string') narrowed = narrowed.where(column(name), '=', wanted);
    else if (wanted.length > 0) narrowed = narrowed.where(column(name), 'in', wanted);
    else narrowed = narrowed.where(sql<boolean>`1 = 0`);
  }
  return narrowed;
};

interface Kept {
  readonly id: string;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Always the same columns in the same order for a table, which the cached query texts rely on. */
const toColumns = (
  table: TableName,
  row: Kept & Readonly<Record<string, unknown>>,
): Record<string, SqlValue> => {
  const { id, revision, createdAt, updatedAt, ...body } = row;
  const columns: Record<string, SqlValue> = {
    id,
    revision,
    createdAt,
    updatedAt,
    body: JSON.stringify(toJson(body, table)),
  };
  for (const column of [...INDEXES[table], ...(SORTED_COLUMNS[table] ?? [])]) {
    columns[column] = (body[column] as SqlValue | undefined) ?? null;
  }
  return columns;
};

/** Written by `toColumns`, so its type is the table's. */
export const toRecord = <N extends TableName>(row: SqlRow): RowOf<N> => {
  const { id, revision, createdAt, updatedAt } = row;
  return { id, ...JSON.parse(String(row.body)), revision, createdAt, updatedAt };
};
