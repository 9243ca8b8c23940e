/**
 * Reports what long-running work is doing and how long each part took, for a person to watch in the terminal.
 */
import type { Store } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

export interface Stage {
  readonly attemptId: string;
  /** `layer`, `sandbox`, `agent`, `gate`, … */
  readonly stage: string;
  readonly detail?: string | undefined;
}

/**
 * Emits two events for a stage: its start, and its end with the duration. A stage that fails has no end
 * event.
 */
export const staged = async <T>(
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  stage: Stage,
  work: () => Promise<T>,
): Promise<T> => {
  const startedAt = clock.now();
  await progressed(store, stage);
  const result = await work();
  await progressed(store, stage, clock.now() - startedAt);
  return result;
};

/** Emits one event for a stage. */
export const progressed = async (
  store: Store,
  { attemptId, stage, detail }: Stage,
  durationMs?: number,
): Promise<void> => {
  await store.write((tx) =>
    tx.emit({ type: 'attempt.progressed', subject: attemptId, data: { stage, detail, durationMs } }),
  );
};
