/**
 * Destroys machines without a record. A record is written before its machine is created and read after the
 * machines are listed, so a machine without one belongs to nobody: it was left by a restored database, or by
 * a removal that a driver acknowledged too early. Only machines that a driver lists as ours are considered,
 * and only after a grace period; one that cannot be inspected may not be ours and is kept. The machine of an
 * attempt in progress is kept whatever happened to its record, because the attempt continues in it.
 */
import { type Attempt, attemptStates, isFinal } from '@berth/contract';
import { allRows, defineReconciler, timeOf } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { isNotDestroyed } from '../sandbox/index.ts';
import { ownSandboxId } from '../workflows/attempt/sandbox.ts';
import { creationOf } from '../workflows/machine/creation-of.ts';
import { eachDriver, forEachIsolated } from './isolated.ts';

const ORPHAN_GRACE_MS = 60_000;

export const orphanReconciler = defineReconciler<Ports>({
  name: 'orphans',
  everyMs: 60_000,
  wakeOn: [],
  async pass(ports, signal) {
    const ended = { done: 0, failed: 0 };
    const looked = await eachDriver(ports, ports.machines.names, signal, async (driver) => {
      const orphans: Orphan[] = [];
      for await (const { id } of ports.machines.list(driver)) {
        if (!(await isOrphan(ports, id))) continue;
        const { state: life } = await ports.machines.inspect(driver, id);
        if (life !== 'unknown') orphans.push({ id, driver, life });
      }
      const { done, failed } = await forEachIsolated(ports, orphans, signal, (one) => end(ports, one));
      ended.done += done;
      ended.failed += failed;
    });
    return { done: ended.done, failed: ended.failed + looked.failed };
  },
});

interface Orphan {
  readonly id: string;
  readonly driver: string;
  readonly life: string;
}

/** Check again, because destroying others took time. */
const end = async (ports: Ports, { id, driver, life }: Orphan): Promise<void> => {
  if (!(await isOrphan(ports, id))) return;
  const madeOn = new Date(timeOf(id)).toISOString();
  ports.log.warn('sandbox.orphan_removed', { sandbox: id, driver, life, madeOn });
  await ports.machines.destroy(driver, id);
};

const isOrphan = (ports: Ports, id: string): Promise<boolean> =>
  ports.store.read(async (tx) => {
    if (isNotDestroyed(await tx.table('sandboxes').get(id))) return false;
    const run = await creationOf(tx, id);
    if (run?.state === 'running' || run?.state === 'undoing') return false;
    if (timeOf(id) + ORPHAN_GRACE_MS > ports.clock.now()) return false;
    const attempts = await allRows(tx, { table: 'attempts', where: { state: UNDER_WAY } });
    return !attempts.some((attempt) => ownSandboxId(ports, attempt.id) === id);
  });

const UNDER_WAY = (Object.keys(attemptStates) as Attempt['state'][]).filter(
  (state) => !isFinal(attemptStates, state),
);
