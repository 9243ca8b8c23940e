import { type Attempt, attemptStates, isFinal } from '@berth/contract';
import { useLive } from '../live/use-live.ts';
import { Card } from '../ui/card.tsx';
import { durationText } from '../ui/duration.ts';
import { Counting } from '../ui/times.tsx';
import { type StageStep, stagesOf } from './stage-list.ts';

/** Far more than the rounds of an attempt can produce. */
const MAX_EVENTS = 1000;

export const Stages = ({ attempt }: { readonly attempt: Attempt }) => {
  const { id, state } = attempt;
  const { value = [] } = useLive({
    key: id,
    read: async (client, signal) => {
      const query = { subject: id, type: 'attempt.progressed', limit: MAX_EVENTS };
      return stagesOf((await client.events.list(query, { signal })).rows);
    },
    concerns: ({ type, subject }) => type === 'attempt.progressed' && subject === id,
  });
  const isOver = isFinal(attemptStates, state);
  return (
    <Card title="Stages">
      {value.length === 0 && <p className="empty">Nothing started yet.</p>}
      <ol className="stages">
        {value.map((step) => (
          <StageRow key={step.seq} step={step} isOver={isOver} />
        ))}
      </ol>
    </Card>
  );
};

const StageRow = ({ step, isOver }: { readonly step: StageStep; readonly isOver: boolean }) => {
  const { name, detail, startedAt, durationMs } = step;
  const mark = durationMs !== undefined ? 'done' : isOver ? 'broken' : 'now';
  return (
    <li className={`stage stage-${mark}`}>
      <span className="grow told">
        {name}
        {detail !== undefined && <span className="soft"> {detail}</span>}
      </span>
      <span className="soft">
        {mark === 'done' && durationText(durationMs ?? 0)}
        {mark === 'now' && <Counting since={startedAt} />}
        {mark === 'broken' && 'not finished'}
      </span>
    </li>
  );
};
