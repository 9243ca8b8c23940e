import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { ChangeCard } from './change-card.tsx';

/** The newest is expanded. */
export const ChangeList = ({
  changes: { value, failure },
}: {
  readonly changes: ReturnType<typeof useChanges>;
}) => (
  <>
    <FailureNote failure={failure} />
    {value?.rows.map((change, index, { length }) => (
      <ChangeCard key={change.id} change={change} number={length - index} isNewest={index === 0} />
    ))}
  </>
);

const MAX_CHANGES = 100;

/** Every round creates a change; newest first. */
export const useChanges = (taskId: string) =>
  useLive({
    key: taskId,
    read: (client, signal) =>
      firstRows(MAX_CHANGES, (page) => client.changes.list({ ...page, taskId }, { signal })),
    concerns: ofNouns('change', 'task'),
  });
