import { type Change, isUndecided } from '@berth/contract';
import { type FormEvent, useState } from 'react';
import { useAction } from '../live/use-action.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Weakened } from './weakened.tsx';

/** As the contract has it. */
const MAX_REASON_CHARACTERS = 1000;

/** The pending approval, shown before anything else about the task. */
export const Decision = ({ changes }: { readonly changes: readonly Change[] }) =>
  changes.filter(isUndecided).map((change) => (
    <Card key={change.id} title="Your decision" aside={<StateBadge state={change.state} />}>
      <Weakened change={change} />
      <p className="soft">
        It passes its gate, and lands only if you approve it. If rejected, the task fails; the work stays on
        its branch.
      </p>
      <Answers id={change.id} />
    </Card>
  ));

/** A rejection is final, so it takes two steps; the second one asks for a reason. */
const Answers = ({ id }: { readonly id: string }) => {
  const { act, isBusy, failure } = useAction();
  const [isAnswered, setIsAnswered] = useState(false);
  const [isRejecting, setIsRejecting] = useState(false);
  const answer = async (work: Parameters<typeof act>[0]) => setIsAnswered((await act(work)) !== undefined);
  const isOver = isBusy || isAnswered;
  if (isRejecting)
    return (
      <>
        <RejectForm
          isOver={isOver}
          onReject={(reason) =>
            answer((client) => client.changes.reject({ id, ...(reason === '' ? {} : { reason }) }))
          }
          onBack={() => setIsRejecting(false)}
        />
        <FailureNote failure={failure} />
      </>
    );
  return (
    <>
      <div className="actions">
        <button
          type="button"
          className="primary"
          disabled={isOver}
          onClick={() => answer((client) => client.changes.approve({ id }))}
        >
          Land it
        </button>
        <button type="button" className="danger" disabled={isOver} onClick={() => setIsRejecting(true)}>
          Reject…
        </button>
        <button type="button" className="quiet" onClick={() => showDiff(id)}>
          See the diff
        </button>
      </div>
      <FailureNote failure={failure} />
    </>
  );
};

interface RejectFormProps {
  readonly isOver: boolean;
  readonly onReject: (reason: string) => Promise<void>;
  readonly onBack: () => void;
}

const RejectForm = ({ isOver, onReject, onBack }: RejectFormProps) => {
  const [reason, setReason] = useState('');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void onReject(reason.trim());
  };
  return (
    <form
      className="form decision"
      onSubmit={submit}
      onKeyDown={({ key }) => {
        if (key === 'Escape') onBack();
      }}
    >
      <label className="field">
        <span>Why not?</span>
        <textarea
          rows={3}
          maxLength={MAX_REASON_CHARACTERS}
          value={reason}
          // biome-ignore lint/a11y/noAutofocus: it is what the button that was just pressed leads to.
          autoFocus
          onChange={(event) => setReason(event.target.value)}
        />
        <span className="soft">Passed to the next attempt. Optional.</span>
      </label>
      <div className="actions">
        <button type="submit" className="danger" disabled={isOver}>
          Reject the change
        </button>
        <button type="button" className="quiet" disabled={isOver} onClick={onBack}>
          Back
        </button>
      </div>
    </form>
  );
};

const showDiff = (id: string): void => {
  const diff = document.getElementById(`diff-${id}`);
  if (!(diff instanceof HTMLDetailsElement)) return;
  diff.open = true;
  diff.scrollIntoView();
  diff.querySelector('summary')?.focus();
};
