/**
 * Ends machines that no record knows. A record is written before its machine and read after the machines were listed,
 * so a machine without one is nobody's: left by a database that was set back, or by a removal that a driver
 * acknowledged too early. Only what a driver lists as ours is looked at, and only when it is not brand-new.
 */
import { defineReconciler } from '../kernel/index.ts';
import type { World } from '../world.ts';
import { runOf, tally } from './look.ts';

const ORPHAN_GRACE_MS = 60_000;

export const orphanReconciler = defineReconciler<World>({
  name: 'orphans',
  everyMs: 60_000,
  wakeOn: [],
  async pass(world, signal) {
    const orphans: { id: string; driver: string }[] = [];
    for (const driver of world.machines.names)
      for await (const { id } of world.machines.list(driver))
        if (await isOrphan(world, id)) orphans.push({ id, driver });
    return tally(world, orphans, signal, ({ id, driver }) => world.machines.destroy(driver, id));
  },
});

const isOrphan = ({ store, clock }: World, id: string): Promise<boolean> =>
  store.read(async (tx) => {
    const record = await tx.table('sandboxes').get(id);
    if (record !== undefined && record.state !== 'destroyed') return false;
    const run = await runOf(tx, 'sandbox.create@1', id);
    if (run?.state === 'running' || run?.state === 'undoing') return false;
    return madeAt(id) + ORPHAN_GRACE_MS <= clock.now();
  });

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The moment that an id carries. */
const madeAt = (id: string): number =>
  [...id.slice(3, 13)].reduce((time, character) => time * 32 + Math.max(0, ALPHABET.indexOf(character)), 0);
