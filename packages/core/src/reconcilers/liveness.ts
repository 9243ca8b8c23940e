/**
 * Records that a sandbox's machine has died, and why. The sandbox keeps its disk until its owner removes it
 * or it expires, and its record says when a machine lives again. Records are read before the machines: those
 * running by then already had their machine.
 */
import type { Sandbox } from '@berth/contract';
import type { Liveness } from '@berth/plugin-api';
import { defineReconciler, pagesOf } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { lose, recover } from '../sandbox/index.ts';
import { deathIn } from '../workflows/machine/life.ts';
import { eachDriver } from './isolated.ts';

const LIVING: readonly Sandbox['state'][] = ['running', 'paused'];
const LOOKED_AT: readonly Sandbox['state'][] = [...LIVING, 'error'];

export const livenessReconciler = defineReconciler<Ports>({
  name: 'life',
  everyMs: 5000,
  wakeOn: [],
  async pass(ports, signal) {
    const looks = { table: 'sandboxes', where: { state: LOOKED_AT } } as const;
    const sandboxes = (await Array.fromAsync(pagesOf(ports.store, looks, signal))).flat();
    const byDriver = Map.groupBy(sandboxes, ({ driver }) => driver);
    let lost = 0;
    const looked = await eachDriver(ports, [...byDriver.keys()], signal, async (driver) => {
      for (const one of byDriver.get(driver) ?? []) {
        signal.throwIfAborted();
        if (await settle(ports, one, await ports.machines.inspect(driver, one.id))) lost += 1;
      }
    });
    return { lost, failed: looked.failed };
  },
});

/**
 * Returns true if it was found dead. One that could not be checked, or whose record has changed meanwhile,
 * stays as it is.
 */
const settle = async (ports: Ports, before: Sandbox, life: Liveness): Promise<boolean> => {
  const { store, troubles, machines } = ports;
  const { id, revision } = before;
  if (life.state === 'unknown') troubles.note(id, life.reason);
  if (life.state === 'running') {
    troubles.clear(id);
    if (before.state === 'error') await store.write((tx) => recover(tx, id));
  }
  const reason = deathIn(life);
  if (reason === undefined || !LIVING.includes(before.state)) return false;
  // What was read is about an earlier moment; the sandbox may have another machine by now.
  const isStill = async (): Promise<boolean> =>
    (await store.read((tx) => tx.table('sandboxes').get(id)))?.revision === revision;
  if (!(await isStill())) return false;
  await machines.hangUp(id);
  const isLost = await store.write(async (tx) => {
    const now = await tx.table('sandboxes').get(id);
    return now?.revision === revision && (await lose(tx, id, reason)) === 'error';
  });
  const since = 'since' in life && life.since !== undefined ? new Date(life.since).toISOString() : undefined;
  if (isLost) ports.log.warn('sandbox.died', { sandbox: id, driver: before.driver, reason, since });
  return isLost;
};
