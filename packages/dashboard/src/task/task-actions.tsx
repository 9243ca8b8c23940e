import { allows, type Task, taskStates } from '@berth/contract';
import { useAction } from '../live/use-action.ts';
import { FailureNote } from '../ui/failure-note.tsx';

/** Offers only what the state table allows now. */
export const TaskActions = ({ task: { id, state } }: { readonly task: Task }) => {
  const { act, isBusy, failure } = useAction();
  return (
    <div className="actions">
      {allows(taskStates, state, 'cancelled') && (
        <button
          type="button"
          className="danger"
          disabled={isBusy}
          onClick={() => act((client) => client.tasks.cancel({ id }))}
        >
          Cancel
        </button>
      )}
      {allows(taskStates, state, 'retried') && (
        <button
          type="button"
          className="primary"
          disabled={isBusy}
          onClick={() => act((client) => client.tasks.retry({ id }))}
        >
          Try again
        </button>
      )}
      <FailureNote failure={failure} />
    </div>
  );
};
