/** The form does not validate: the server knows the rules, and its errors are shown at their fields. */
import { type FormEvent, useState } from 'react';
import { useAction } from '../live/use-action.ts';
import { taskAddress } from '../shell/route.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { controlOf, FormField } from './form-field.tsx';
import type { Choices } from './new-task-page.tsx';
import { EMPTY_DRAFT, type Field, newKey, orderOf, problemsOf } from './problems.ts';

export const TaskForm = ({ workspaces, agents, modelProviders }: Choices) => {
  const [draft, setDraft] = useState({ ...EMPTY_DRAFT, workspaceId: workspaces[0]?.id ?? '' });
  const [key, setKey] = useState(newKey);
  const { act, isBusy, failure } = useAction();
  const { at, rest } = problemsOf(failure);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const task = await act((client) => client.tasks.create(orderOf(draft), { idempotencyKey: key }));
    if (task !== undefined) location.hash = taskAddress(task.id);
  };
  /** Props an input needs to control a field. */
  const holds = (field: Field) => ({
    ...controlOf(field),
    name: field,
    value: draft[field],
    'aria-invalid': at[field] !== undefined,
    onChange: ({ target }: { readonly target: { readonly value: string } }) => {
      setDraft({ ...draft, [field]: target.value });
      setKey(newKey());
    },
  });

  return (
    <Card title="Task">
      <form className="form" onSubmit={submit} noValidate>
        <FormField field="workspaceId" label="Workspace" problem={at.workspaceId}>
          <select {...holds('workspaceId')}>
            {workspaces.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </FormField>
        <FormField field="prompt" label="Prompt" problem={at.prompt}>
          <textarea rows={8} {...holds('prompt')} />
        </FormField>
        <div className="pair">
          <FormField field="agent" label="Agent" problem={at.agent}>
            <select {...holds('agent')}>
              <option value="">the server's default</option>
              {agents.map(({ name, available }) => (
                <option key={name} value={name}>
                  {available ? name : `${name} (not installed)`}
                </option>
              ))}
            </select>
          </FormField>
          <FormField field="model" label="Model" hint={providersText(modelProviders)} problem={at.model}>
            <input placeholder="the server's default" spellCheck={false} {...holds('model')} />
          </FormField>
        </div>
        <FormField field="title" label="Title" hint="Derived from the prompt when empty." problem={at.title}>
          <input {...holds('title')} />
        </FormField>
        <FormField
          field="after"
          label="After"
          hint="Ids of tasks of the workspace that must complete first; it fails if one of them does."
          problem={at.after}
        >
          <input spellCheck={false} {...holds('after')} />
        </FormField>
        <FailureNote failure={rest} />
        <button type="submit" className="primary" disabled={isBusy}>
          Start the task
        </button>
      </form>
    </Card>
  );
};

const providersText = (providers: readonly string[]): string =>
  providers.length === 0
    ? 'No model provider is configured on the server.'
    : `provider/model; configured: ${providers.join(', ')}`;
