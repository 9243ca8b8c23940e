/** What has become of the tasks that a task comes after. */
import { ENDED_TASK_STATES, type Task } from '@berth/contract';
import type { ReadTx } from '../kernel/index.ts';

export interface Dependencies {
  /** Ids of those that have yet to complete. */
  readonly pending: readonly string[];
  /** The first that ended otherwise. One that has been deleted had ended, and nobody knows how. */
  readonly failed?: { readonly id: string; readonly state: string } | undefined;
}

/** A task that has been started once does not wait again. */
export const dependenciesOf = async (
  tx: ReadTx,
  { after = [], attempts }: Pick<Task, 'after' | 'attempts'>,
): Promise<Dependencies> => {
  const pending: string[] = [];
  if (attempts > 0) return { pending };
  for (const id of after) {
    const state = (await tx.table('tasks').get(id))?.state ?? 'deleted';
    if (state === 'completed') continue;
    if (state === 'deleted' || ENDED_TASK_STATES.includes(state)) return { pending, failed: { id, state } };
    pending.push(id);
  }
  return { pending };
};
