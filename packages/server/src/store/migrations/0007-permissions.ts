/** The answers to permission requests of agents. */
import { builder } from '../connection.ts';

export const permissions = {
  name: '0007-permissions',
  statements: [
    builder.schema
      .createTable('permissions')
      .addColumn('id', 'text', (column) => column.primaryKey().notNull())
      .addColumn('revision', 'bigint', (column) => column.notNull())
      .addColumn('createdAt', 'bigint', (column) => column.notNull())
      .addColumn('updatedAt', 'bigint', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('attemptId', 'text')
      .compile(),
    builder.schema
      .createIndex('permissions_by_attemptId_id')
      .on('permissions')
      .columns(['attemptId', 'id'])
      .compile(),
  ],
};
