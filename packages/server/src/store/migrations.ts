/**
 * Migrations run once, in order; all missing ones run in one transaction with the rows that record them: a failure
 * leaves nothing of them, and a first start waits for the disk once. A row stores a checksum of the statements: a
 * migration that was edited after it ran, or a database that a newer version wrote, is refused.
 */
import { createHash } from 'node:crypto';
import { fail } from '@berth/contract';
import { builder, type SqlQuery } from './connection.ts';
import { firstTables } from './migrations/0001-first-tables.ts';
import { age } from './migrations/0002-age.ts';
import { eventBytes } from './migrations/0003-event-bytes.ts';
import { gateInputs } from './migrations/0004-gate-inputs.ts';
import { jobWaits } from './migrations/0005-job-waits.ts';
import { taskParents } from './migrations/0006-task-parents.ts';
import { permissions } from './migrations/0007-permissions.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

export interface Migration {
  /** `0001-first-tables`: sorts by age. */
  readonly name: string;
  readonly statements: readonly SqlQuery[];
}

const MIGRATIONS: readonly Migration[] = [
  firstTables,
  age,
  eventBytes,
  gateInputs,
  jobWaits,
  taskParents,
  permissions,
];

/**
 * Migrates the database to the current schema. If it rejects with `store.newer` or `store.migration_changed`, nothing
 * was changed.
 */
export const migrate = async (
  connection: SqliteConnection,
  now: number,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> => {
  connection.begin('write');
  try {
    await connection.run(appliedTable);
    for (const migration of await missing(connection, migrations)) await apply(connection, migration, now);
    connection.commit();
  } catch (error) {
    connection.rollback();
    throw error;
  }
};

const missing = async (
  connection: SqliteConnection,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> => {
  const applied = await connection.rows(
    builder.selectFrom('migrations').selectAll().orderBy('name').compile(),
  );
  for (const row of applied) {
    const ours = migrations.find((migration) => migration.name === row.name);
    if (ours === undefined) throw fail('store.newer', { migration: String(row.name) });
    if (checksum(ours) !== row.checksum) {
      throw fail('store.migration_changed', { name: String(row.name) });
    }
  }
  return migrations.slice(applied.length);
};

const appliedTable = builder.schema
  .createTable('migrations')
  .ifNotExists()
  .addColumn('name', 'text', (column) => column.primaryKey().notNull())
  .addColumn('checksum', 'text', (column) => column.notNull())
  .addColumn('appliedAt', 'bigint', (column) => column.notNull())
  .compile();

const apply = async (connection: SqliteConnection, migration: Migration, now: number): Promise<void> => {
  const row = { name: migration.name, checksum: checksum(migration), appliedAt: now };
  for (const statement of migration.statements) await connection.run(statement);
  await connection.run(builder.insertInto('migrations').values(row).compile());
};

const checksum = (migration: Migration): string =>
  createHash('sha256')
    .update(migration.statements.map((statement) => statement.sql).join(';\n'))
    .digest('hex');
