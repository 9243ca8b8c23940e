import { firstRows } from '../live/rows.ts';
import { ofNouns, useLive } from '../live/use-live.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { ChangeCard } from './change-card.tsx';

const MAX_CHANGES = 100;

/** Every round makes a change; the newest comes first, and is open. */
export const ChangeList = ({ taskId }: { readonly taskId: string }) => {
  const { value, failure } = useLive({
    key: taskId,
    read: (client, signal) =>
      firstRows(MAX_CHANGES, (page) => client.changes.list({ ...page, taskId }, { signal })),
    concerns: ofNouns('change', 'task'),
  });
  return (
    <>
      <FailureNote failure={failure} />
      {value?.rows.map((change, index, { length }) => (
        <ChangeCard key={change.id} change={change} number={length - index} isNewest={index === 0} />
      ))}
    </>
  );
};
