import type { ErrorBody } from '@berth/contract';
import { createContext, type ReactNode, useContext } from 'react';
import type { Failure } from '../live/failure.ts';

type Told = Failure | ErrorBody;

interface FailureNoteProps {
  /** Of a call, or the `error` of a record. */
  readonly failure: Told | undefined;
}

const ShownAbove = createContext<readonly Told[]>([]);

/** Renders nothing when the same failure is shown above. */
export const FailureNote = ({ failure }: FailureNoteProps) => {
  const above = useContext(ShownAbove);
  if (failure === undefined || above.some((told) => isSame(told, failure))) return null;
  return (
    <div className="note tone-bad" role="alert">
      <p className="told">{failure.message}</p>
      {failure.hint !== undefined && <p className="soft told">{failure.hint}</p>}
      <code className="soft">{failure.code}</code>
    </div>
  );
};

interface FailureAboveProps extends FailureNoteProps {
  readonly children: ReactNode;
}

/** Shows a failure once for everything below: a task, its change and its gate share it. */
export const FailureAbove = ({ failure, children }: FailureAboveProps) => {
  const above = useContext(ShownAbove);
  return (
    <>
      <FailureNote failure={failure} />
      <ShownAbove value={failure === undefined ? above : [...above, failure]}>{children}</ShownAbove>
    </>
  );
};

const isSame = (one: Told, other: Told): boolean => one.code === other.code && one.message === other.message;
