/** Jobs are found by what they wait for. Earlier ones come back when their time is up. */
import { builder } from '../connection.ts';

export const jobWaits = {
  name: '0005-job-waits',
  statements: [
    builder.schema.alterTable('jobs').addColumn('waitsFor', 'text').compile(),
    builder.schema.createIndex('jobs_by_waitsFor_id').on('jobs').columns(['waitsFor', 'id']).compile(),
  ],
};
