import { useState } from 'react';
import { ChangeList, useChanges } from '../change/change-list.tsx';
import { Decision } from '../change/decision.tsx';
import { Conversation } from '../conversation/conversation.tsx';
import { useLive } from '../live/use-live.ts';
import { Card } from '../ui/card.tsx';
import { FailureAbove, FailureNote } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { AttemptTabs } from './attempt-tabs.tsx';
import { FollowUp } from './follow-up.tsx';
import { Stages } from './stages.tsx';
import { TaskActions } from './task-actions.tsx';
import { TaskFacts } from './task-facts.tsx';

export const TaskPage = ({ id }: { readonly id: string }) => {
  const [chosen, setChosen] = useState<number>();
  const { value, failure } = useLive({
    key: id,
    read: async (client, signal) => {
      const [task, { rows }] = await Promise.all([
        client.tasks.get({ id }, { signal }),
        client.tasks.attempts({ id }, { signal }),
      ]);
      return { task, attempts: rows };
    },
    // An attempt's events do not name its task; they are few.
    concerns: ({ type, subject }) =>
      subject === id ||
      type === 'session.opened' ||
      (/^attempt\./.test(type) && type !== 'attempt.progressed'),
  });
  const changes = useChanges(id);
  if (value === undefined) return <FailureNote failure={failure} />;
  const { task, attempts } = value;
  const attempt = attempts.find(({ number }) => number === chosen) ?? attempts.at(-1);
  return (
    <article>
      <title>{`${task.title} · Berth`}</title>
      <div className="task-head">
        <StateBadge state={task.state} />
        <h1 className="told">{task.title}</h1>
        <TaskActions task={task} />
      </div>
      <FailureAbove failure={failure ?? task.error}>
        <Decision changes={changes.value?.rows ?? []} />
        <div className="columns">
          <div>
            <Card
              title="Conversation"
              aside={<AttemptTabs attempts={attempts} chosen={attempt} onChoose={setChosen} />}
            >
              {attempt?.sessionId === undefined ? (
                <p className="empty">The agent has not started.</p>
              ) : (
                <Conversation key={attempt.sessionId} sessionId={attempt.sessionId} />
              )}
              <FollowUp task={task} />
            </Card>
            <ChangeList changes={changes} />
          </div>
          <div>
            {attempt !== undefined && <Stages key={attempt.id} attempt={attempt} />}
            <TaskFacts task={task} attempt={attempt} />
          </div>
        </div>
      </FailureAbove>
    </article>
  );
};
