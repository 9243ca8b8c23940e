import type { Change, Weakening } from '@berth/contract';
import { useAction } from '../live/use-action.ts';
import { FailureNote } from '../ui/failure-note.tsx';

/** More than anybody reads in a list. */
const MOST_LINES = 50;

/** What a change weakens, and while it waits the two answers that a person can give. */
export const Weakened = ({ change }: { readonly change: Change }) => {
  const { id, state, weakened = [], decision } = change;
  const { act, isBusy, failure } = useAction();
  if (weakened.length === 0) return null;
  const isWaiting = state === 'waiting' && decision === undefined;
  return (
    <fieldset className="weakened" aria-label="What the change weakens">
      <p>
        <strong>It weakens what judges it</strong>
        {decision !== undefined && (
          <span className="soft">
            {' '}
            · {decision.verdict}
            {decision.reason === undefined ? '' : `: ${decision.reason}`}
          </span>
        )}
      </p>
      <ul>
        {weakened.slice(0, MOST_LINES).map((one) => (
          <li key={`${one.kind}/${one.repository}/${one.subject}`} className="told">
            {one.kind.replaceAll('_', ' ')}: <code>{one.subject}</code>
            <span className="soft">{detailOf(one)}</span>
          </li>
        ))}
        {weakened.length > MOST_LINES && <li>and {weakened.length - MOST_LINES} more: see the diff</li>}
      </ul>
      {isWaiting && (
        <>
          <p className="soft">
            It passes its checks. Look at the diff: it lands only if you say so. Rejected, the task fails and
            the work stays on its branch.
          </p>
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
        </>
      )}
      <FailureNote failure={failure} />
    </fieldset>
  );
};

/** Nothing when the kind has said it. */
const detailOf = ({ kind, detail }: Weakening): string => (kind.endsWith(detail) ? '' : ` ${detail}`);
