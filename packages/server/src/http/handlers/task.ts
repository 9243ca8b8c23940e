import { allRows, type Store, type Tasks } from '@berth/core';
import type { Drivers } from '../../machines/drivers.ts';
import type { Caller, HandlersOf } from '../handler-types.ts';
import { findRecord, pageOfRecords } from './pages.ts';
import { driverOf } from './sandbox-access.ts';

export interface TaskParts {
  readonly store: Store;
  readonly tasks: Pick<Tasks, 'check' | 'create' | 'cancel' | 'retry' | 'prompt'>;
  readonly drivers: Pick<Drivers, 'permit'>;
}

/** A caller's role decides which drivers may work for them. */
export const taskHandlers = ({ store, tasks, drivers }: TaskParts): HandlersOf<'task'> => {
  const permit = async (workspaceId: string | undefined, { role }: Caller): Promise<void> =>
    drivers.permit(await driverOf(store, workspaceId), role);
  const permitTask = async (id: string, caller: Caller): Promise<void> => {
    const task = await store.read((tx) => tx.table('tasks').get(id));
    if (task !== undefined) await permit(task.workspaceId, caller);
  };
  return {
    'task.create': async ({ body, caller, recordId }) => {
      await permit(body.workspaceId, caller);
      return tasks.create(body, recordId);
    },
    'task.check': async ({ body, caller }) => {
      drivers.permit(body.driver, caller.role);
      return tasks.check(body);
    },
    'task.list': ({ query: { state, workspaceId, parentId, ...page } }) =>
      pageOfRecords(store, 'tasks', page, { state, workspaceId, parentId }),
    'task.get': ({ params }) => findRecord(store, 'tasks', params.id),
    'task.cancel': ({ params, body }) => tasks.cancel(params.id, body.reason ?? 'it was asked for'),
    'task.retry': async ({ params, caller }) => {
      await permitTask(params.id, caller);
      return tasks.retry(params.id);
    },
    'task.prompt': async ({ params, body, caller }) => {
      await permitTask(params.id, caller);
      return tasks.prompt(params.id, body.prompt);
    },
    'task.attempts': async ({ params }) => {
      await findRecord(store, 'tasks', params.id);
      return {
        rows: await store.read((tx) => allRows(tx, { table: 'attempts', where: { taskId: params.id } })),
      };
    },
  };
};
