/**
 * Prepared layers take space, so old ones go. First a prebuild is superseded: from then on nothing new starts from it.
 * Its layer is dropped later, when a grace is over and neither a living sandbox nor unfinished work names it. A layer
 * that no prebuild names (its making was given up, or the database was set back) is written down as superseded first,
 * so that it gets the same grace.
 */
import { sandboxStates } from '@berth/contract';
import { defineReconciler, type Prebuild, type ReadTx, type Tx } from '../kernel/index.ts';
import type { World } from '../world.ts';
import { runOf, tally } from './look.ts';

const KEPT_PER_WORKSPACE = 2;
const GRACE_MS = 600_000;
const FAILED_RETENTION_MS = 7 * 86_400_000;
const MAX_PER_PASS = 10_000;

export const layerReconciler = defineReconciler<World>({
  name: 'layers',
  everyMs: GRACE_MS,
  wakeOn: ['workspace.removed'],
  async pass(world, signal) {
    const now = world.clock.now();
    const superseded = await world.store.write((tx) => supersede(tx));
    const strays = await writeDownStrays(world);
    const pruned = await world.store.write((tx) => prune(tx, now - FAILED_RETENTION_MS));
    const due = await world.store.read((tx) => dueIn(tx, now - GRACE_MS));
    return { superseded, strays, pruned, ...(await tally(world, due, signal, (one) => drop(world, one))) };
  },
});

/** All but the newest of each workspace and driver; all of a workspace that is gone. */
const supersede = async (tx: Tx): Promise<number> => {
  const ready = await tx
    .table('prebuilds')
    .list({ where: { state: 'ready' }, order: 'desc', limit: MAX_PER_PASS });
  const kept = new Map<string, number>();
  let superseded = 0;
  for (const { id, revision, workspaceId, driver } of ready) {
    const place = `${workspaceId} ${driver}`;
    const before = kept.get(place) ?? 0;
    const isNeeded =
      before < KEPT_PER_WORKSPACE && (await tx.table('workspaces').get(workspaceId)) !== undefined;
    if (isNeeded) kept.set(place, before + 1);
    else {
      await tx.table('prebuilds').update(id, revision, { state: 'superseded' });
      superseded += 1;
    }
  }
  return superseded;
};

/** A layer that is just being named by a prebuild in the making may be among them: `dueIn` looks again. */
const writeDownStrays = async ({ machines, store, ids }: World): Promise<number> => {
  let strays = 0;
  for (const driver of machines.names) {
    for await (const { layer } of machines.facets(driver).snapshots?.list() ?? []) {
      const isWritten = await store.write(async (tx) => {
        const known = await tx.table('prebuilds').list({ limit: MAX_PER_PASS });
        if (known.some((one) => one.layer === layer && one.driver === driver)) return false;
        const id = ids.new('prebuild');
        const nobody = { workspaceId: '', inputHash: '' };
        await tx.table('prebuilds').insert({ ...nobody, id, state: 'superseded', driver, layer });
        return true;
      });
      if (isWritten) strays += 1;
    }
  }
  return strays;
};

const prune = async (tx: Tx, before: number): Promise<number> => {
  const failed = await tx.table('prebuilds').list({ where: { state: 'failed' }, limit: MAX_PER_PASS });
  const old = failed.filter(({ updatedAt }) => updatedAt < before);
  for (const { id } of old) await tx.table('prebuilds').remove(id);
  return old.length;
};

interface Due extends Prebuild {
  /** Another prebuild has the same content and is still good. */
  readonly isShared: boolean;
}

/** While a driver makes a layer nobody knows yet which: nothing of that driver is dropped meanwhile. */
const dueIn = async (tx: ReadTx, before: number): Promise<Due[]> => {
  const all = await tx.table('prebuilds').list({ limit: MAX_PER_PASS });
  const old = all.filter(({ state, updatedAt }) => state === 'superseded' && updatedAt <= before);
  if (old.length === 0) return [];
  const busy = new Set(all.filter(({ state }) => state === 'building').map(({ driver }) => driver));
  const named = await textsThatMayName(tx);
  return old
    .filter(({ driver, layer }) => !busy.has(driver) && !named.some((text) => text.includes(layer ?? ' ')))
    .map((one) => ({
      ...one,
      isShared: all.some(
        ({ state, driver, layer }) => state === 'ready' && driver === one.driver && layer === one.layer,
      ),
    }));
};

const LIVING = Object.keys(sandboxStates).filter((state) => state !== 'destroyed');

/** What living sandboxes were made from, and all that unfinished work goes on with, as JSON. */
const textsThatMayName = async (tx: ReadTx): Promise<string[]> => {
  const texts: string[] = [];
  for (const { id } of await tx.table('sandboxes').list({ where: { state: LIVING }, limit: MAX_PER_PASS }))
    texts.push(JSON.stringify((await runOf(tx, 'sandbox.create@1', id))?.input ?? null));
  const unfinished = { state: ['running', 'undoing', 'stuck'] } as const;
  for (const run of await tx.table('sagas').list({ where: unfinished, limit: MAX_PER_PASS })) {
    const journal = await tx.table('journal').list({ where: { sagaId: run.id } });
    texts.push(JSON.stringify([run.input, journal.map(({ output }) => output ?? null)]));
  }
  return texts;
};

/** The layer first, then the word: a crash in between only repeats the first. */
const drop = async ({ machines, store }: World, { id, driver, layer, isShared }: Due): Promise<void> => {
  const isOurs = layer !== undefined && !isShared && machines.names.includes(driver);
  if (isOurs) await machines.facets(driver).snapshots?.drop(layer);
  await store.write((tx) => tx.table('prebuilds').remove(id));
};
