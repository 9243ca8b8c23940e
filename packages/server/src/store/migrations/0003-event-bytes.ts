/**
 * The cumulative bytes of data up to each event, so that the bytes behind any event are known without reading the
 * rest. Earlier events count as zero, and so are deleted first.
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
