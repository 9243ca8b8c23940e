import { type Change, isUndecided } from '@berth/contract';
import { useState } from 'react';
import { Card } from '../ui/card.tsx';
import { FailureAbove } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';
import { ChangeDiff } from './change-diff.tsx';
import { Decided } from './decided.tsx';
import { GateEvidence } from './gate-evidence.tsx';
import { Weakened } from './weakened.tsx';

interface ChangeCardProps {
  readonly change: Change;
  readonly number: number;
  readonly isNewest: boolean;
}

const SHORT_COMMIT = 10;

export const ChangeCard = ({ change, number, isNewest }: ChangeCardProps) => {
  const [isOpen, setIsOpen] = useState(isNewest);
  const { id, state, parts, gateRunId, error, revision, decision } = change;
  return (
    <Card title={`Change ${number}`} aside={<StateBadge state={state} />}>
      {parts.map(({ repository, branch, target, merge, head }) => (
        <p key={repository} className="soft told">
          {repository}: {branch} → {target} <code>{(merge ?? head).slice(0, SHORT_COMMIT)}</code>
        </p>
      ))}
      <FailureAbove failure={error}>
        {decision !== undefined && <Decided decision={decision} />}
        {!isUndecided(change) && <Weakened change={change} />}
        {gateRunId !== undefined && <GateEvidence key={gateRunId} id={gateRunId} />}
      </FailureAbove>
      <details id={`diff-${id}`} open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
        <summary>Diff</summary>
        {isOpen && <ChangeDiff id={id} revision={revision} />}
      </details>
    </Card>
  );
};
