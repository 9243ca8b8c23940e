import { type Evidence, isGreen } from '@berth/contract';
import { useLive } from '../live/use-live.ts';
import { durationText } from '../ui/duration.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { StateBadge } from '../ui/state-badge.tsx';

/** What was run on the merged result, and its outcome. */
export const GateEvidence = ({ id }: { readonly id: string }) => {
  const { value: run, failure } = useLive({
    key: id,
    read: (client, signal) => client.gates.get({ id }, { signal }),
    concerns: ({ subject }) => subject === id,
  });
  if (run === undefined) return <FailureNote failure={failure} />;
  return (
    <div className="gate">
      <p>
        <strong>Gate</strong> <StateBadge state={run.state} />
        {run.reusedFrom !== undefined && <span className="soft"> reused from {run.reusedFrom}</span>}
      </p>
      <FailureNote failure={run.error} />
      {run.evidence.map((evidence) => (
        <EvidenceRow
          key={`${evidence.judgedBy}/${evidence.repository}/${evidence.name}`}
          evidence={evidence}
        />
      ))}
      {(run.altered ?? []).map(({ name, repository, durationMs, ...one }) => (
        <p key={`altered/${repository}/${name}`} className="soft">
          <strong className="told">{name}</strong> with tests that were altered to fail:{' '}
          {isGreen({ name, repository, durationMs, ...one }) ? 'passes' : 'fails, as it must'} ·{' '}
          {durationText(durationMs)} · {repository}
        </p>
      ))}
    </div>
  );
};

const EvidenceRow = ({ evidence }: { readonly evidence: Evidence }) => {
  const { name, repository, command, judgedBy, durationMs, logTail } = evidence;
  const isGood = isGreen(evidence);
  return (
    <details className="evidence" open={!isGood}>
      <summary>
        <span
          className={`mark mark-${isGood ? 'completed' : 'failed'}`}
          role="img"
          aria-label={endText(evidence)}
        >
          {isGood ? '✓' : '✗'}
        </span>
        <strong className="told">{name}</strong> <code className="told">{command}</code>
        <span className="soft">
          {endText(evidence)} · {durationText(durationMs)} · {repository} · by the {judgedBy}
        </span>
      </summary>
      <pre>{logTail === '' ? 'No output.' : logTail}</pre>
    </details>
  );
};

const endText = ({ exitCode, timedOut, outOfMemory }: Evidence): string => {
  if (timedOut) return 'timed out';
  if (outOfMemory) return 'out of memory';
  return exitCode === null ? 'killed by a signal' : `exit ${exitCode}`;
};
