/**
 * Ends machines that no record knows. A record is written before its machine and read after the machines were listed,
 * so a machine without one is nobody's: left by a database that was set back, or by a removal that a driver
 * acknowledged too early. Only what a driver lists as ours is looked at, and only when it is not brand-new.
 */
import { defineReconciler } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { isThere } from '../sandbox/index.ts';
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
      const orphans: { id: string }[] = [];
      for await (const { id } of ports.machines.list(driver))
        if (await isOrphan(ports, id)) orphans.push({ id });
      const { done, failed } = await forEachIsolated(ports, orphans, signal, ({ id }) =>
        ports.machines.destroy(driver, id),
      );
      ended.done += done;
      ended.failed += failed;
    });
    return { done: ended.done, failed: ended.failed + looked.failed };
  },
});

const isOrphan = ({ store, clock }: Ports, id: string): Promise<boolean> =>
  store.read(async (tx) => {
    if (isThere(await tx.table('sandboxes').get(id))) return false;
    const run = await creationOf(tx, id);
    if (run?.state === 'running' || run?.state === 'undoing') return false;
    return madeAt(id) + ORPHAN_GRACE_MS <= clock.now();
  });

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The moment that an id carries. */
const madeAt = (id: string): number =>
  [...id.slice(3, 13)].reduce((time, character) => time * 32 + Math.max(0, ALPHABET.indexOf(character)), 0);
