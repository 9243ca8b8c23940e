import type { Workspace } from '@berth/contract';
import type { Client } from '@berth/sdk';
import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { TaskForm } from './task-form.tsx';

const MAX_WORKSPACES = 1000;

export const NewTaskPage = () => {
  const { value, failure } = useLive({
    key: 'choices',
    read: readChoices,
    concerns: ofNouns('workspace'),
  });
  return (
    <div className="narrow">
      <title>New task · Berth</title>
      <h1>New task</h1>
      <FailureNote failure={failure} />
      {value?.workspaces.length === 0 && (
        <Card title="No workspace yet">
          <p>
            A workspace names the repositories to work on. In a checkout, <code>berth run "…" --repo .</code>{' '}
            creates one and starts its first task; <code>berth workspace create</code> creates only a
            workspace. It appears here automatically.
          </p>
        </Card>
      )}
      {value !== undefined && value.workspaces.length > 0 && <TaskForm {...value} />}
    </div>
  );
};

export interface Choices {
  readonly workspaces: readonly Workspace[];
  readonly agents: readonly { readonly name: string; readonly available: boolean; readonly detail: string }[];
  readonly modelProviders: readonly string[];
}

const readChoices = async (client: Client, signal: AbortSignal): Promise<Choices> => {
  const [{ rows: workspaces }, { agents, modelProviders }] = await Promise.all([
    firstRows(MAX_WORKSPACES, (page) => client.workspaces.list(page, { signal })),
    client.system.capabilities({}, { signal }),
  ]);
  return { workspaces, agents, modelProviders };
};
