/**
 * Retries stuck undos every hour: the obstacle (a driver that was away, a full disk) is often temporary.
 * Until then both causes stay on record. Also resumes an undo that a crash interrupted and that nobody is
 * left to resume.
 */
import { defineReconciler, isStop, oldRows, type SagaRun, unlessAborted } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { forEachIsolated } from './isolated.ts';

const AGAIN_AFTER_MS = 3_600_000;

export const stuckReconciler = defineReconciler<Ports>({
  name: 'stuck',
  everyMs: 600_000,
  wakeOn: [],
  async pass(ports, signal) {
    const { store, clock } = ports;
    const where = { state: ['stuck', 'undoing'] };
    const due: SagaRun[] = [];
    for await (const runs of oldRows(
      store,
      { table: 'sagas', where, since: clock.now() - AGAIN_AFTER_MS },
      signal,
    ))
      due.push(...runs);
    return forEachIsolated(ports, due, signal, (run) => walkBack(ports, run, signal));
  },
});

/**
 * Rejects while the run stays stuck. If the run is held elsewhere, waits for it only until the signal aborts.
 */
const walkBack = async ({ sagas, store }: Ports, run: SagaRun, signal: AbortSignal): Promise<void> => {
  const end = run.state === 'stuck' ? sagas.retryStuck(run.id, signal) : sagas.resume(run.id, signal);
  try {
    await unlessAborted(end, signal);
  } catch (error) {
    if (isStop(error)) throw error;
    const left = await store.read((tx) => tx.table('sagas').get(run.id));
    if (left?.state !== 'undone') throw error;
  }
};
