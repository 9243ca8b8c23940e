import type { Task } from '@berth/contract';
import { useState } from 'react';
import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';
import { taskAddress } from '../shell/route.ts';
import { Card } from '../ui/card.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { Ago, Counting } from '../ui/times.tsx';

const STEP_ROWS = 25;

export const TaskList = () => {
  const [wanted, setWanted] = useState(STEP_ROWS);
  const { value, failure } = useLive({
    key: `tasks ${wanted}`,
    read: (client, signal) => firstRows(wanted, (page) => client.tasks.list(page, { signal })),
    concerns: ofNouns('task'),
  });
  return (
    <Card title="Tasks">
      <FailureNote failure={failure} />
      {value?.rows.length === 0 && (
        <p className="empty">
          No tasks yet. <a href="#/new">Create the first task</a>
        </p>
      )}
      <ul className="rows" aria-label="List of tasks">
        {value?.rows.map((task) => (
          <TaskRow key={task.id} task={task} />
        ))}
      </ul>
      {value?.hasMore && (
        <button type="button" className="quiet" onClick={() => setWanted(wanted + STEP_ROWS)}>
          Show older
        </button>
      )}
    </Card>
  );
};

const TaskRow = ({ task }: { readonly task: Task }) => {
  const { id, state, title, agent, model, attempts, createdAt, updatedAt, endedAt } = task;
  return (
    <li className="row">
      <StateBadge state={state} />
      <div className="grow">
        <a className="told row-title" href={taskAddress(id)}>
          {title}
        </a>
        <p className="soft told">
          {[agent, model, attempts > 1 ? `attempt ${attempts}` : undefined].filter(Boolean).join(' · ')}
        </p>
      </div>
      <span className="soft">
        {endedAt === undefined ? <Counting since={createdAt} /> : <Ago at={updatedAt} />}
      </span>
    </li>
  );
};
