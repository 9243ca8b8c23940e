/**
 * The stages of long work, from its events: each is reported at its start and, with its duration, at its end. The
 * same stage recurs in every round, so an end belongs to the newest unfinished start of its name.
 */
import { dataOf, type Event } from '@berth/contract';

export interface StageStep {
  /** Of the event that started it. */
  readonly seq: number;
  readonly name: string;
  readonly detail?: string;
  readonly startedAt: number;
  /** Absent while it is running, and after it failed. */
  readonly durationMs?: number;
}

export const stagesOf = (events: readonly Event[]): readonly StageStep[] => {
  const steps: StageStep[] = [];
  for (const event of events) {
    const { seq, at } = event;
    const told = dataOf(event, 'attempt.progressed');
    if (told === undefined) continue;
    const { stage, detail, durationMs } = told;
    const open = steps.findLastIndex((step) => step.name === stage && step.durationMs === undefined);
    const begun = steps[open];
    if (durationMs !== undefined && begun !== undefined) steps[open] = { ...begun, durationMs };
    else if (durationMs === undefined)
      steps.push({ seq, name: stage, startedAt: at, ...(detail === undefined ? {} : { detail }) });
  }
  return steps;
};
