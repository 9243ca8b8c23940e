/** What every step of an attempt needs: its ids and the current records. */
import { type Attempt, fail, type Task, type Workspace } from '@berth/contract';
import { allRows, assert, type Ids, type Job } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';

export interface AttemptInput {
  readonly taskId: string;
  readonly attemptId: string;
}

/** The run id of an attempt; the same after every restart. */
export const runIdOf = (ids: Ids, attemptId: string): string => ids.from('saga', `${attemptId}/run`);

/** The input of a `task.run` job. */
export const attemptOf = ({ data }: Job): AttemptInput => {
  assert(
    typeof data === 'object' && data !== null && 'taskId' in data && 'attemptId' in data,
    'a job names its attempt',
  );
  return { taskId: String(data.taskId), attemptId: String(data.attemptId) };
};

export interface AttemptFacts {
  readonly task: Task;
  readonly workspace: Workspace;
  /** Earlier attempts at the same task, oldest first. */
  readonly earlier: readonly Attempt[];
}

export const factsOf = ({ store }: Ports, { taskId, attemptId }: AttemptInput): Promise<AttemptFacts> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(taskId);
    if (task === undefined) throw fail('record.missing', { noun: 'task', id: taskId });
    const workspace = await tx.table('workspaces').get(task.workspaceId);
    if (workspace === undefined) throw fail('record.missing', { noun: 'workspace', id: task.workspaceId });
    const attempts = await allRows(tx, { table: 'attempts', where: { taskId } });
    return { task, workspace, earlier: attempts.filter(({ id }) => id !== attemptId) };
  });
