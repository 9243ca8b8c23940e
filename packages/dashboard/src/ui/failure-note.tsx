import type { ErrorBody } from '@berth/contract';
import type { Failure } from '../live/failure.ts';

interface FailureNoteProps {
  /** Of a call, or the `error` of a record. */
  readonly failure: Failure | ErrorBody | undefined;
}

export const FailureNote = ({ failure }: FailureNoteProps) => {
  if (failure === undefined) return null;
  return (
    <div className="note tone-bad" role="alert">
      <p className="told">{failure.message}</p>
      {failure.hint !== undefined && <p className="soft told">{failure.hint}</p>}
      <code className="soft">{failure.code}</code>
    </div>
  );
};
