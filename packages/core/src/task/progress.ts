/** Says what long work does now, and how long each part of it took: what a person watches in the terminal. */
import type { Store } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';

export interface Stage {
  readonly attemptId: string;
  /** `layer`, `sandbox`, `agent`, `gate`, … */
  readonly stage: string;
  readonly detail?: string | undefined;
}

/** Two events about a stage: its beginning, and with its duration its end. A stage that fails has no end. */
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

/** One event about a stage. */
export const progressed = async (
  store: Store,
  { attemptId, stage, detail }: Stage,
  durationMs?: number,
): Promise<void> => {
  await store.write((tx) =>
    tx.emit({ type: 'attempt.progressed', subject: attemptId, data: { stage, detail, durationMs } }),
  );
};
