/** Tasks are found by the task that they are a part of. Earlier ones are parts of none. */
import { builder } from '../connection.ts';

export const taskParents = {
  name: '0006-task-parents',
  statements: [
    builder.schema.alterTable('tasks').addColumn('parentId', 'text').compile(),
    builder.schema.createIndex('tasks_by_parentId_id').on('tasks').columns(['parentId', 'id']).compile(),
  ],
};
