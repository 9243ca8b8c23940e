import { FailureNote } from '../ui/failure-note.tsx';
import { ChangeCard } from './change-card.tsx';
import type { useChanges } from './use-changes.ts';

/** The newest is open. */
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
