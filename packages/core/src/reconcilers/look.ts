/** What several reconcilers ask, and how they go through a list. */
import type { ReadTx, SagaRun, Summary } from '../kernel/index.ts';
import type { World } from '../world.ts';

/** The newest run of a saga about a record. */
export const runOf = async (tx: ReadTx, name: string, subject: string): Promise<SagaRun | undefined> =>
  (await tx.table('sagas').list({ where: { name, subject }, order: 'desc', limit: 1 }))[0];

/** Does each in turn. One that fails is reported and left for the next pass; it does not keep the others back. */
export const tally = async <T extends { readonly id: string }>(
  { log }: World,
  all: readonly T[],
  signal: AbortSignal,
  act: (one: T) => Promise<void>,
): Promise<Summary> => {
  const summary = { done: 0, failed: 0 };
  for (const one of all) {
    signal.throwIfAborted();
    try {
      await act(one);
      summary.done += 1;
    } catch (error) {
      summary.failed += 1;
      log.warn('reconcile.left', { subject: one.id, error });
    }
  }
  return summary;
};
