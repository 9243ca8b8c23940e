/**
 * A sandbox whose machine died, with its host or alone, goes on from its disk: the disk becomes a layer, and a new
 * machine of the same id starts from what the old one started from and from that. What ran is gone; the files are there.
 *
 * The layer is written down before the old machine goes, and stays for as long as the sandbox. Every step may be done
 * again: a disk that was kept already has the same name, and a machine that lives is left alone.
 */
import type { Sandbox } from '@berth/plugin-api';
import { familyOf, move, type Prebuild, type ReadTx, type Tx } from '../kernel/index.ts';
import type { SandboxPlan } from '../sandbox/index.ts';
import type { World } from '../world.ts';
import { createSandbox } from './create-sandbox.ts';
import { answering, isGone, lifeOf, makeMachine, type Where } from './machine-life.ts';

export interface Reached {
  readonly sandbox: Sandbox;
  /** Its machine is a new one, from the disk of one that died. */
  readonly revived: boolean;
}

/** Rejects with `sandbox.unreachable` when it neither answers nor can be made to go on. */
export const reachSandbox = async (world: World, where: Where, signal: AbortSignal): Promise<Reached> => {
  try {
    return { sandbox: await answering(world, where, signal), revived: false };
  } catch (error) {
    if (!isGone(error) || !(await revive(world, where, signal))) throw error;
    return { sandbox: await answering(world, where, signal), revived: true };
  }
};

/** False when there is nothing to go on from, or nothing wrong that a new machine would mend. */
const revive = async (world: World, where: Where, signal: AbortSignal): Promise<boolean> => {
  const { machines, store } = world;
  const { id, driver } = where;
  const life = await lifeOf(world, where);
  if (life?.state === 'alive' || life?.state === 'unknown') return false;
  const plan = await store.read((tx) => planOf(tx, id));
  if (plan === undefined) return false;
  if (life?.state === 'dead') await keepDisk(world, where);
  const disks = await store.read((tx) => disksOf(tx, id));
  if (disks.length === 0) return false;
  await machines.destroy(driver, id);
  const anew = { ...plan, layers: [...plan.layers, ...disks] };
  const { unenforced } = await makeMachine(world, { plan: anew, driver, signal });
  await store.write((tx) => recover(tx, id, [...unenforced]));
  world.log.info('sandbox.revived', { sandbox: id, disks: disks.length });
  return true;
};

const RUNS_OF_A_SUBJECT = 50;

const planOf = async (tx: ReadTx, id: string): Promise<SandboxPlan | undefined> => {
  const runs = await tx
    .table('sagas')
    .list({ where: { subject: id }, order: 'desc', limit: RUNS_OF_A_SUBJECT });
  // Written by the saga itself, from its own input.
  return runs.find(({ name }) => familyOf(name) === createSandbox.family)?.input as SandboxPlan | undefined;
};

/** Kept under the sandbox's own id as key. */
const keepDisk = async ({ machines, store, ids }: World, { id, driver }: Where): Promise<void> => {
  const { snapshots } = machines.facets(driver);
  if (snapshots === undefined) return;
  const { layer, sizeBytes } = await snapshots.take(id);
  await store.write(async (tx) => {
    if ((await rowsOf(tx, id)).some((one) => one.layer === layer)) return;
    const sandbox = await tx.table('sandboxes').get(id);
    const of = { workspaceId: sandbox?.workspaceId ?? '', inputHash: id, sandboxId: id, driver };
    await tx.table('prebuilds').insert({ ...of, id: ids.new('prebuild'), state: 'ready', layer, sizeBytes });
  });
};

const rowsOf = (tx: ReadTx, id: string): Promise<Prebuild[]> =>
  tx.table('prebuilds').list({ where: { inputHash: id, state: 'ready' } });

const disksOf = async (tx: ReadTx, id: string): Promise<string[]> =>
  (await rowsOf(tx, id)).flatMap(({ layer }) => (layer === undefined ? [] : [layer]));

const recover = async (tx: Tx, id: string, unenforced: string[]): Promise<void> => {
  const sandbox = await tx.table('sandboxes').get(id);
  if (sandbox?.state === 'error')
    await move(tx, 'sandboxes', id, { trigger: 'recovered', patch: { error: undefined, unenforced } });
};
