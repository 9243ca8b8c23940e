/**
 * Makes true what the records say about sandboxes: what is to be removed is removed, what has expired is to be
 * removed, what was left half-made comes to an end, and what claims to run without a machine says so.
 */
import type { Sandbox } from '@berth/contract';
import { defineReconciler, move, type Tx } from '../kernel/index.ts';
import { askRemoval } from '../sandbox/index.ts';
import type { World } from '../world.ts';
import { runOf, tally } from './look.ts';

const MAX_PER_PASS = 200;

export const sandboxReconciler = defineReconciler<World>({
  name: 'sandboxes',
  everyMs: 5000,
  wakeOn: ['sandbox.removal_asked'],
  async pass(world, signal) {
    const expired = await world.store.write((tx) => askForExpired(tx, world.clock.now()));
    const abandoned = await settleAbandoned(world);
    const removed = await tally(world, await inState(world, 'deleting'), signal, (one) => remove(world, one));
    const lost = await markLost(world, signal);
    return { expired, abandoned, ...removed, lost };
  },
});

const inState = ({ store }: World, state: Sandbox['state']): Promise<Sandbox[]> =>
  store.read((tx) => tx.table('sandboxes').list({ where: { state }, limit: MAX_PER_PASS }));

const askForExpired = async (tx: Tx, now: number): Promise<number> => {
  const running = await tx
    .table('sandboxes')
    .list({ where: { state: ['running', 'paused', 'stopped', 'error'] } });
  const expired = running.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now);
  for (const { id } of expired) await askRemoval(tx, id, { reason: 'its time is over' });
  return expired.length;
};

/** The machine first, then the word: a crash in between only repeats the first. */
const remove = async ({ machines, store }: World, { id, driver }: Sandbox): Promise<void> => {
  await machines.destroy(driver, id);
  await store.write(async (tx) => {
    await tx.table('grants').remove(id);
    const sandbox = await tx.table('sandboxes').get(id);
    if (sandbox?.state === 'deleting') await move(tx, 'sandboxes', id, { trigger: 'removed' });
  });
};

/**
 * A record in the making whose saga is over will never be made: it is stuck for as long as the saga is, else it can go.
 */
const settleAbandoned = ({ store }: World): Promise<number> =>
  store.write(async (tx) => {
    const where = { state: ['creating', 'stuck'] };
    const halfMade = await tx.table('sandboxes').list({ where, limit: MAX_PER_PASS });
    let settled = 0;
    for (const { id, state } of halfMade) {
      const run = await runOf(tx, 'sandbox.create@1', id);
      if (run?.state === 'running' || run?.state === 'undoing' || run?.state === state) continue;
      settled += 1;
      if (run?.state !== 'stuck') {
        await askRemoval(tx, id, { reason: 'its creation was given up', causedBy: run?.id });
        continue;
      }
      const patch = { error: run.stuckAt?.error };
      await move(tx, 'sandboxes', id, { trigger: 'creation_failed', patch, causedBy: run.id });
      await move(tx, 'sandboxes', id, { trigger: 'undo_failed', causedBy: run.id });
    }
    return settled;
  });

/** Records are read before the machines: what runs then has had its machine for longer. */
const markLost = async (world: World, signal: AbortSignal): Promise<number> => {
  const running = await inState(world, 'running');
  let lost = 0;
  for (const driver of new Set(running.map((one) => one.driver))) {
    signal.throwIfAborted();
    const alive = new Set<string>();
    for await (const { id } of world.machines.list(driver)) alive.add(id);
    for (const gone of running.filter((one) => one.driver === driver && !alive.has(one.id))) {
      lost += 1;
      await world.store.write(async (tx) => {
        const now = await tx.table('sandboxes').get(gone.id);
        if (now?.state === 'running') await move(tx, 'sandboxes', gone.id, { trigger: 'lost' });
      });
    }
  }
  return lost;
};
