/**
 * Makes the world match the records of sandboxes: removes those to be removed, requests the removal of
 * expired ones, and settles those left half-made.
 */
import type { Sandbox } from '@berth/contract';
import { defineReconciler, move, pagesOf } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { requestRemoval } from '../sandbox/index.ts';
import { creationOf } from '../workflows/machine/creation-of.ts';
import { forEachByDriver, forEachIsolated } from './isolated.ts';

export const sandboxReconciler = defineReconciler<Ports>({
  name: 'sandboxes',
  everyMs: 5000,
  wakeOn: ['sandbox.removal_asked'],
  async pass(ports, signal) {
    const expired = await askForExpired(ports, signal);
    const abandoned = await settleAbandoned(ports, signal);
    const doomed = await inState(ports, ['deleting'], signal);
    const removed = await forEachByDriver(ports, doomed, signal, (one) => remove(ports, one));
    return { expired, abandoned, ...removed };
  },
});

const inState = async (
  { store }: Ports,
  state: readonly Sandbox['state'][],
  signal: AbortSignal,
): Promise<Sandbox[]> =>
  (await Array.fromAsync(pagesOf(store, { table: 'sandboxes', where: { state } }, signal))).flat();

const askForExpired = async (ports: Ports, signal: AbortSignal): Promise<number> => {
  const isExpired = ({ expiresAt }: Sandbox): boolean =>
    expiresAt !== undefined && expiresAt <= ports.clock.now();
  const living = await inState(ports, ['running', 'paused', 'stopped', 'error'], signal);
  const { done } = await forEachIsolated(ports, living.filter(isExpired), signal, ({ id }) =>
    ports.store.write(async (tx) => {
      const now = await tx.table('sandboxes').get(id);
      // An attempt may have adopted it meanwhile.
      if (now !== undefined && isExpired(now)) await requestRemoval(tx, id, { reason: 'its time is over' });
    }),
  );
  return done;
};

/** Destroys the machine before updating the record: a crash in between only repeats the former. */
const remove = async ({ machines, store }: Ports, { id, driver }: Sandbox): Promise<void> => {
  await machines.destroy(driver, id);
  await store.write(async (tx) => {
    await tx.table('grants').remove(id);
    const sandbox = await tx.table('sandboxes').get(id);
    if (sandbox?.state === 'deleting') await move(tx, 'sandboxes', id, { trigger: 'removed' });
  });
};

/**
 * A record in `creating` whose saga is over will never be completed: it stays if the saga is stuck, and
 * otherwise it can be removed.
 */
const settleAbandoned = async (ports: Ports, signal: AbortSignal): Promise<number> => {
  let settled = 0;
  await forEachIsolated(
    ports,
    await inState(ports, ['creating', 'stuck'], signal),
    signal,
    async ({ id }) => {
      if (await settle(ports, id)) settled += 1;
    },
  );
  return settled;
};

const settle = ({ store }: Ports, id: string): Promise<boolean> =>
  store.write(async (tx) => {
    const state = (await tx.table('sandboxes').get(id))?.state;
    if (state !== 'creating' && state !== 'stuck') return false;
    const run = await creationOf(tx, id);
    if (run?.state === 'running' || run?.state === 'undoing' || run?.state === state) return false;
    if (run?.state !== 'stuck') {
      await requestRemoval(tx, id, { reason: 'its creation was given up', causedBy: run?.id });
      return true;
    }
    const patch = { error: run.stuckAt?.error };
    await move(tx, 'sandboxes', id, { trigger: 'creation_failed', patch, causedBy: run.id });
    await move(tx, 'sandboxes', id, { trigger: 'undo_failed', causedBy: run.id });
    return true;
  });
