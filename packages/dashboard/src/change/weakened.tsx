import type { Change } from '@berth/contract';
import { useAction } from '../live/use-action.ts';
import { FailureNote } from '../ui/failure-note.tsx';

/** What a change weakens, and while it waits the two answers that a person can give. */
export const Weakened = ({ change }: { readonly change: Change }) => {
  const { id, state, weakened = [], decision } = change;
  const { act, isBusy, failure } = useAction();
  if (weakened.length === 0) return null;
  return (
    <div className="weakened">
      <p>
        <strong>It weakens what judges it</strong>
        {decision !== undefined && <span className="soft"> · {decision.verdict}</span>}
      </p>
      <ul>
        {weakened.map(({ kind, repository, subject, detail }) => (
          <li key={`${kind}/${repository}/${subject}`} className="told">
            {kind.replaceAll('_', ' ')}: <code>{subject}</code> <span className="soft">{detail}</span>
          </li>
        ))}
      </ul>
      {state === 'waiting' && decision === undefined && (
        <div className="actions">
          <button
            type="button"
            className="primary"
            disabled={isBusy}
            onClick={() => act((client) => client.changes.approve({ id }))}
          >
            Land it
          </button>
          <button
            type="button"
            className="danger"
            disabled={isBusy}
            onClick={() => act((client) => client.changes.reject({ id }))}
          >
            Reject
          </button>
        </div>
      )}
      <FailureNote failure={failure} />
    </div>
  );
};
