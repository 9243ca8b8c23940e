/** Gate runs are found by what they judged. Earlier ones have no such column, and so are never found by it. */
import { builder } from '../connection.ts';

export const gateInputs = {
  name: '0004-gate-inputs',
  statements: [
    builder.schema.alterTable('gateRuns').addColumn('inputHash', 'text').compile(),
    builder.schema
      .createIndex('gateRuns_by_inputHash_id')
      .on('gateRuns')
      .columns(['inputHash', 'id'])
      .compile(),
  ],
};
