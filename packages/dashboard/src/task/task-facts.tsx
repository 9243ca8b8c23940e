import type { Attempt, Task } from '@berth/contract';
import type { ReactNode } from 'react';
import { useLive } from '../live/use-live.ts';
import { taskAddress } from '../shell/route.ts';
import { Card } from '../ui/card.tsx';
import { Ago } from '../ui/times.tsx';

interface TaskFactsProps {
  readonly task: Task;
  readonly attempt: Attempt | undefined;
}

export const TaskFacts = ({ task, attempt }: TaskFactsProps) => {
  const { workspaceId } = task;
  const { value: workspace } = useLive({
    key: workspaceId,
    read: (client, signal) => client.workspaces.get({ id: workspaceId }, { signal }),
    concerns: ({ subject }) => subject === workspaceId,
  });
  const facts: readonly (readonly [string, ReactNode])[] = [
    ['Workspace', workspace?.name ?? workspaceId],
    ['Agent', attempt?.agent ?? task.agent],
    ['Model', attempt?.model ?? task.model],
    ['Branch', codeOf(attempt?.branch)],
    ['Round', attempt === undefined ? undefined : `${attempt.rounds} of ${task.maxRounds}`],
    ['Sandbox', codeOf(attempt?.sandboxId)],
    ['Part of', task.parentId === undefined ? undefined : <TaskLinks key="parent" ids={[task.parentId]} />],
    ['After', task.after === undefined ? undefined : <TaskLinks key="after" ids={task.after} />],
    ['Created', <Ago key="created" at={task.createdAt} />],
    ['Ended', task.endedAt === undefined ? undefined : <Ago key="ended" at={task.endedAt} />],
    ['Task', codeOf(task.id)],
  ];
  return (
    <Card title="Facts">
      <dl className="facts">
        {facts.map(([name, fact]) =>
          fact === undefined ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="told">{fact}</dd>
            </div>
          ),
        )}
      </dl>
    </Card>
  );
};

const TaskLinks = ({ ids }: { readonly ids: readonly string[] }) => (
  <>
    {ids.map((id) => (
      <a key={id} href={taskAddress(id)}>
        <code>{id}</code>{' '}
      </a>
    ))}
  </>
);

const codeOf = (text: string | undefined) => (text === undefined ? undefined : <code>{text}</code>);
