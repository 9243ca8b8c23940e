/**
 * What long work did, from its events: each stage is told twice, at its beginning and, with its duration, at its end.
 * The same stage comes again in every round, so an end belongs to the newest beginning of its name that has none.
 */
import type { Event } from '@berth/contract';

export interface StageStep {
  /** Of the event that began it. */
  readonly seq: number;
  readonly name: string;
  readonly detail?: string;
  readonly startedAt: number;
  /** Absent while it lasts, and for ever when it failed. */
  readonly durationMs?: number;
}

export const stagesOf = (events: readonly Event[]): readonly StageStep[] => {
  const steps: StageStep[] = [];
  for (const { seq, at, data } of events) {
    const { stage, detail, durationMs } = data;
    if (typeof stage !== 'string') continue;
    const open = steps.findLastIndex((step) => step.name === stage && step.durationMs === undefined);
    const begun = steps[open];
    if (typeof durationMs === 'number' && begun !== undefined) steps[open] = { ...begun, durationMs };
    else if (typeof durationMs !== 'number')
      steps.push({ seq, name: stage, startedAt: at, ...(typeof detail === 'string' ? { detail } : {}) });
  }
  return steps;
};
