/** Rows that have ended are found by age, so that they can be deleted without reading the others. */
import { builder } from '../connection.ts';

/** Tables as they were when this was written. */
const TABLES = ['sagas', 'jobs', 'tasks', 'sandboxes', 'tokens', 'leases', 'answeredRequests'];

export const age = {
  name: '0002-age',
  statements: TABLES.map((table) =>
    builder.schema.createIndex(`${table}_by_updatedAt_id`).on(table).columns(['updatedAt', 'id']).compile(),
  ),
};
