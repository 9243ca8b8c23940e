/** The first tables. A released migration is never edited: a schema change is a new file. */
import { builder, type SqlQuery } from '../connection.ts';

/** Columns by which rows are found, as they were when this was written. */
const INDEXED: Readonly<Record<string, readonly string[]>> = {
  workspaces: ['name'],
  sandboxes: ['state', 'workspaceId', 'attemptId'],
  tasks: ['state', 'workspaceId'],
  attempts: ['state', 'taskId'],
  sessions: ['attemptId', 'taskId'],
  turns: ['state', 'sessionId', 'attemptId'],
  items: ['turnId', 'sessionId'],
  gateRuns: ['state', 'changeId'],
  changes: ['state', 'taskId'],
  tokens: ['role'],
  tokenSecrets: ['hash'],
  grants: ['sandboxId', 'attemptId', 'hash'],
  ledger: ['attemptId', 'taskId'],
  connections: ['sandboxId'],
  prebuilds: ['state', 'workspaceId', 'inputHash'],
  sagas: ['state', 'name', 'subject'],
  journal: ['sagaId'],
  jobs: ['state', 'queue', 'key'],
  leases: ['owner'],
  answeredRequests: ['routeId'],
  settings: [],
};

const JOB_NUMBERS = ['priority', 'runAt', 'leaseUntil'];

const recordTable = (table: string, columns: readonly string[]): SqlQuery[] => {
  let create = builder.schema
    .createTable(table)
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('createdAt', 'bigint', (column) => column.notNull())
    .addColumn('updatedAt', 'bigint', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull());
  for (const column of columns) create = create.addColumn(column, 'text');
  if (table === 'jobs') for (const column of JOB_NUMBERS) create = create.addColumn(column, 'bigint');
  return [create.compile(), ...columns.map((column) => index(table, [column, 'id']))];
};

const index = (table: string, columns: readonly string[]): SqlQuery =>
  builder.schema
    .createIndex(`${table}_by_${columns.join('_')}`)
    .on(table)
    .columns([...columns])
    .compile();

const events: SqlQuery[] = [
  builder.schema
    .createTable('events')
    .addColumn('seq', 'bigint', (column) => column.primaryKey().notNull())
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('causedBy', 'text')
    .addColumn('data', 'text', (column) => column.notNull())
    .compile(),
  index('events', ['subject', 'seq']),
  index('events', ['type', 'seq']),
];

/** One row that a health check rewrites to prove that a write reaches the disk. */
const pulse = builder.schema
  .createTable('pulse')
  .addColumn('id', 'text', (column) => column.primaryKey().notNull())
  .addColumn('at', 'bigint', (column) => column.notNull())
  .compile();

export const firstTables = {
  name: '0001-first-tables',
  statements: [
    ...Object.entries(INDEXED).flatMap(([table, columns]) => recordTable(table, columns)),
    index('jobs', ['queue', 'state', 'priority', 'runAt', 'id']),
    ...events,
    pulse,
  ],
};
