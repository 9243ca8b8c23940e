/**
 * Deletes old prepared layers to free space. First a prebuild is superseded, after which nothing new starts
 * from it. Its layer is deleted once a grace period has passed and neither a live sandbox nor unfinished work
 * refers to it. A layer without a prebuild (because its build was given up or the database was restored) is
 * first recorded as superseded, so that it gets the same grace period. A layer built for one attempt is
 * superseded when the attempt ends, and the disk of a dead machine when its sandbox is gone.
 */

import { attemptStates, isFinal } from '@berth/contract';
import { allRows, defineReconciler, type Prebuild, type ReadTx, type Tx } from '../kernel/index.ts';
import type { Ports } from '../ports.ts';
import { isNotDestroyed, NOT_DESTROYED } from '../sandbox/index.ts';
import { creationOf } from '../workflows/machine/creation-of.ts';
import { layersOf, supersedeLost } from '../workflows/prebuild/ensure.ts';
import { eachDriver, forEachIsolated } from './isolated.ts';

const KEPT_OF_EACH = 2;
const GRACE_MS = 600_000;
const FAILED_RETENTION_MS = 7 * 86_400_000;

export const layerReconciler = defineReconciler<Ports>({
  name: 'layers',
  everyMs: GRACE_MS,
  wakeOn: ['workspace.removed'],
  async pass(ports, signal) {
    const now = ports.clock.now();
    const superseded = await ports.store.write((tx) => supersede(tx));
    const strays = await writeDownStrays(ports, signal);
    const missing = await supersedeMissing(ports, signal);
    const pruned = await ports.store.write((tx) => prune(tx, now - FAILED_RETENTION_MS));
    const due = await ports.store.read((tx) => dueIn(tx, now - GRACE_MS));
    return {
      superseded,
      strays,
      missing,
      pruned,
      ...(await forEachIsolated(ports, due, signal, (one) => drop(ports, one))),
    };
  },
});

/**
 * Supersedes all but the newest of each workspace and driver and of each attempt, and all whose workspace,
 * attempt or sandbox is gone.
 */
const supersede = async (tx: Tx): Promise<number> => {
  const ready = await allRows(tx, { table: 'prebuilds', where: { state: 'ready' }, order: 'desc' });
  const kept = new Map<string, number>();
  let superseded = 0;
  for (const { id, revision, workspaceId, driver, attemptId, sandboxId } of ready) {
    if (sandboxId !== undefined && isNotDestroyed(await tx.table('sandboxes').get(sandboxId))) continue;
    const owner = `${attemptId ?? workspaceId} ${driver}`;
    const before = kept.get(owner) ?? 0;
    const isNeeded =
      before < KEPT_OF_EACH &&
      sandboxId === undefined &&
      (await tx.table('workspaces').get(workspaceId)) !== undefined &&
      (attemptId === undefined || (await isUnderWay(tx, attemptId)));
    if (isNeeded) kept.set(owner, before + 1);
    else {
      await tx.table('prebuilds').update(id, revision, { state: 'superseded' });
      superseded += 1;
    }
  }
  return superseded;
};

const isUnderWay = async (tx: Tx, attemptId: string): Promise<boolean> => {
  const attempt = await tx.table('attempts').get(attemptId);
  return attempt !== undefined && !isFinal(attemptStates, attempt.state);
};

/** May include a layer that a prebuild in progress is about to name, so `dueIn` checks again. */
const writeDownStrays = async (ports: Ports, signal: AbortSignal): Promise<number> => {
  const { machines, store, ids } = ports;
  let strays = 0;
  await eachDriver(ports, machines.names, signal, async (driver) => {
    for await (const { layer } of machines.facets(driver).snapshots?.list() ?? []) {
      const isWritten = await store.write(async (tx) => {
        const known = await allRows(tx, { table: 'prebuilds' });
        if (known.some((one) => one.layer === layer && one.driver === driver)) return false;
        const id = ids.new('prebuild');
        const nobody = { workspaceId: '', inputHash: '' };
        await tx.table('prebuilds').insert({ ...nobody, id, state: 'superseded', driver, layer });
        return true;
      });
      if (isWritten) strays += 1;
    }
  });
  return strays;
};

/**
 * A layer that its driver does not have (because it was on another machine or missing from a backup) is
 * rebuilt when needed. Records are read before the layers: those ready by then already had their layers.
 */
const supersedeMissing = async (ports: Ports, signal: AbortSignal): Promise<number> => {
  const { machines, store } = ports;
  const query = { table: 'prebuilds', where: { state: 'ready' } } as const;
  const ready = await store.read((tx) => allRows(tx, query));
  let missing = 0;
  await eachDriver(ports, [...new Set(ready.map(({ driver }) => driver))], signal, async (driver) => {
    if (!machines.names.includes(driver)) return;
    const there = await layersOf(ports, driver);
    for (const { id, layer = '' } of ready.filter(
      (one) => one.driver === driver && !there.has(one.layer ?? ''),
    ))
      if (await supersedeLost(ports, id, layer)) missing += 1;
  });
  return missing;
};

const prune = async (tx: Tx, before: number): Promise<number> => {
  const failed = await allRows(tx, { table: 'prebuilds', where: { state: 'failed' } });
  const old = failed.filter(({ updatedAt }) => updatedAt < before);
  for (const { id } of old) await tx.table('prebuilds').remove(id);
  return old.length;
};

interface Due extends Prebuild {
  /** Another prebuild has the same content and is still in use. */
  readonly isShared: boolean;
}

/** While a driver builds a layer, its name is unknown, so nothing of that driver is deleted meanwhile. */
const dueIn = async (tx: ReadTx, before: number): Promise<Due[]> => {
  const all = await allRows(tx, { table: 'prebuilds' });
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

/** What live sandboxes were made from, and everything unfinished work depends on, as JSON. */
const textsThatMayName = async (tx: ReadTx): Promise<string[]> => {
  const texts: string[] = [];
  for (const { id } of await allRows(tx, { table: 'sandboxes', where: { state: NOT_DESTROYED } }))
    texts.push(JSON.stringify((await creationOf(tx, id))?.input ?? null));
  const unfinished = { state: ['running', 'undoing', 'stuck'] } as const;
  for (const run of await allRows(tx, { table: 'sagas', where: unfinished })) {
    const journal = await allRows(tx, { table: 'journal', where: { sagaId: run.id } });
    texts.push(JSON.stringify([run.input, journal.map(({ output }) => output ?? null)]));
  }
  return texts;
};

/** Deletes the layer before the record: a crash in between only repeats the former. */
const drop = async ({ machines, store }: Ports, { id, driver, layer, isShared }: Due): Promise<void> => {
  const isOurs = layer !== undefined && !isShared && machines.names.includes(driver);
  if (isOurs) await machines.facets(driver).snapshots?.drop(layer);
  await store.write((tx) => tx.table('prebuilds').remove(id));
};
