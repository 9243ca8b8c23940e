/**
 * The bytes of data of all events up to each one, so that it is known how many lie behind any of them without reading the
 * rest. Events of before count for nothing, and so go first.
 */
import { builder } from '../connection.ts';

export const eventBytes = {
  name: '0003-event-bytes',
  statements: [
    builder.schema
      .alterTable('events')
      .addColumn('totalBytes', 'bigint', (column) => column.notNull().defaultTo(0))
      .compile(),
  ],
};
