import type { ChangeDecision } from '@berth/contract';
import { Ago } from '../ui/times.tsx';

/** Who approved or rejected a change, when, and why. */
export const Decided = ({ decision }: { readonly decision: ChangeDecision }) => {
  const { verdict, by, byName = by, at, reason } = decision;
  return (
    <fieldset className={`decided decided-${verdict}`} aria-label="The decision">
      <p>
        <strong>{verdict === 'approved' ? 'Approved' : 'Rejected'}</strong> by{' '}
        <span className="told" title={by}>
          {byName}
        </span>
        <span className="soft">
          {' '}
          · <Ago at={at} />
        </span>
      </p>
      {reason !== undefined && <p className="told lines">{reason}</p>}
    </fieldset>
  );
};
