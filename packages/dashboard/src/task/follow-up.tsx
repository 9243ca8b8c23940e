import { allows, type Task, taskStates } from '@berth/contract';
import { type FormEvent, useState } from 'react';
import { useAction } from '../live/use-action.ts';
import { FailureNote } from '../ui/failure-note.tsx';

/** Sends a follow-up to the ended conversation. */
export const FollowUp = ({ task: { id, state } }: { readonly task: Task }) => {
  const [prompt, setPrompt] = useState('');
  const { act, isBusy, failure } = useAction();
  if (!allows(taskStates, state, 'continued')) return null;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const task = await act((client) => client.tasks.prompt({ id, prompt }));
    if (task !== undefined) setPrompt('');
  };
  return (
    <form className="follow-up" onSubmit={submit}>
      <label className="field">
        <span>Follow up</span>
        <textarea rows={3} value={prompt} onChange={(event) => setPrompt(event.target.value)} />
      </label>
      <button type="submit" className="primary" disabled={isBusy || prompt.trim() === ''}>
        Send
      </button>
      <FailureNote failure={failure} />
    </form>
  );
};
