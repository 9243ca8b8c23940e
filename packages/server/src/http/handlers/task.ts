import type { Task, TaskCheck, TaskCreate, TaskMeans } from '@berth/contract';
import { allRows, type Store } from '@berth/core';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';

export interface TaskWork {
  check(wanted: TaskCheck, caller: Caller): Promise<TaskMeans>;
  create(wanted: TaskCreate, caller: Caller, id?: string): Promise<Task>;
  cancel(id: string, reason: string | undefined, caller: Caller): Promise<Task>;
  retry(id: string, caller: Caller): Promise<Task>;
  prompt(id: string, prompt: string, caller: Caller): Promise<Task>;
}

export const taskHandlers = (store: Store, tasks: TaskWork): HandlersOf<'task'> => ({
  'task.create': ({ body, caller, recordId }) => tasks.create(body, caller, recordId),
  'task.check': ({ body, caller }) => tasks.check(body, caller),
  'task.list': ({ query: { state, workspaceId, ...page } }) =>
    pageOfRecords(store, 'tasks', page, { state, workspaceId }),
  'task.get': ({ params }) => findRecord(store, 'tasks', params.id),
  'task.cancel': ({ params, body, caller }) => tasks.cancel(params.id, body.reason, caller),
  'task.retry': ({ params, caller }) => tasks.retry(params.id, caller),
  'task.prompt': ({ params, body, caller }) => tasks.prompt(params.id, body.prompt, caller),
  'task.attempts': async ({ params }) => {
    await findRecord(store, 'tasks', params.id);
    return {
      rows: await store.read((tx) => allRows(tx, { table: 'attempts', where: { taskId: params.id } })),
    };
  },
});
