/**
 * A sandbox whose machine has died says so, with the reason. It keeps its disk until its owner, or its time, removes it,
 * and says when a machine lives again. Records are read before the machines: what runs then has had its machine for longer.
 */
import { fail, type Sandbox } from '@berth/contract';
import type { Life } from '@berth/plugin-api';
import { bodyOf, defineReconciler, move, pagesOf, type Tx } from '../kernel/index.ts';
import type { World } from '../world.ts';
import { eachDriver } from './look.ts';

const LIVING: readonly Sandbox['state'][] = ['running', 'paused'];
const LOOKED_AT: readonly Sandbox['state'][] = [...LIVING, 'error'];

export const lifeReconciler = defineReconciler<World>({
  name: 'life',
  everyMs: 5000,
  wakeOn: [],
  async pass(world, signal) {
    const byDriver = new Map<string, string[]>();
    for await (const page of pagesOf(
      world.store,
      { table: 'sandboxes', where: { state: LOOKED_AT } },
      signal,
    ))
      for (const { id, driver } of page) byDriver.set(driver, [...(byDriver.get(driver) ?? []), id]);
    let lost = 0;
    const looked = await eachDriver(world, [...byDriver.keys()], signal, async (driver) => {
      const lives = new Map<string, Life>();
      for await (const { id, life } of world.machines.list(driver)) lives.set(id, life);
      for (const id of byDriver.get(driver) ?? []) if (await settle(world, id, lives.get(id))) lost += 1;
    });
    return { lost, failed: looked.failed };
  },
});

/** True when it was found dead. One that could not be looked at stays as it is. */
const settle = async (world: World, id: string, life: Life | undefined): Promise<boolean> => {
  if (life?.state === 'unknown') world.troubles.note(id, life.reason);
  if (life?.state === 'alive') {
    world.troubles.clear(id);
    await world.store.write((tx) => recover(tx, id));
  }
  const reason = reasonOf(life);
  if (reason === undefined) return false;
  const before = await world.store.read((tx) => tx.table('sandboxes').get(id));
  if (before === undefined || !LIVING.includes(before.state)) return false;
  await world.machines.hangUp(id);
  return world.store.write(async (tx) => {
    const now = await tx.table('sandboxes').get(id);
    if (now === undefined || !LIVING.includes(now.state)) return false;
    const error = bodyOf(fail('sandbox.died', { id, reason }));
    await move(tx, 'sandboxes', id, { trigger: 'lost', patch: { error }, details: { reason } });
    return true;
  });
};

/** It was revived, and the word about the death of its machine came late. */
const recover = async (tx: Tx, id: string): Promise<void> => {
  const now = await tx.table('sandboxes').get(id);
  if (now?.state === 'error')
    await move(tx, 'sandboxes', id, { trigger: 'recovered', patch: { error: undefined } });
};

const reasonOf = (life: Life | undefined): string | undefined => {
  if (life === undefined) return 'its machine is gone';
  if (life.state === 'dead') return life.reason;
  return life.state === 'unfinished' ? 'what its driver wrote down about it is gone' : undefined;
};
