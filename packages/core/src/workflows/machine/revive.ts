/**
 * A sandbox whose machine died, with its host or alone, or whose guest is older than the server, goes on from its disk: the disk becomes a layer, and a new
 * machine of the same id starts from what the old one started from and from that. What ran is gone; the files are there.
 *
 * The layer is written down before the old machine goes, and stays for as long as the sandbox. Every step may be done
 * again: a disk that was kept already has the same name, and a machine that lives is left alone.
 */
import { fail, isBerthError } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import type { Prebuild, ReadTx } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { lose, recover, type SandboxPlan } from '../../sandbox/index.ts';
import { creationOf } from './creation-of.ts';
import {
  answering,
  deathBehind,
  diedOf,
  inNewMachine,
  isGone,
  isOutdated,
  livenessOf,
  MAX_MACHINES,
  makeMachine,
  type Where,
} from './life.ts';

export interface Reached {
  readonly sandbox: Sandbox;
  /** Why its machine died, when it is a new one, from the disk of that one. */
  readonly died: string | undefined;
}

/**
 * Acts in a sandbox. When that fails and its machine turns out to have died, the act is done again in the next one, from
 * the disk, so it MUST be safe to repeat. Rejects with `sandbox.died` when the last of them died, or left nothing.
 */
export const inSandbox = async <T>(
  ports: Ports,
  { id, driver, signal }: Where & { readonly signal: AbortSignal },
  act: (reached: Reached) => Promise<T>,
): Promise<T> => {
  for (let used = 1; ; used += 1) {
    const reached = await reachSandbox(ports, { id, driver }, signal);
    try {
      return await act(reached);
    } catch (error) {
      const reason = await deathBehind(ports, { id, driver }, { error, signal });
      if (reason === undefined) throw error;
      if (used >= MAX_MACHINES) throw diedOf(id, reason, used);
      ports.log.warn('sandbox.died_at_work', { sandbox: id, used, reason, error });
    }
  }
};

/** Rejects with `sandbox.unreachable` when it lives and does not answer, `sandbox.died` when nothing is left of it. */
export const reachSandbox = async (ports: Ports, where: Where, signal: AbortSignal): Promise<Reached> => {
  let died: string | undefined;
  for (let used = 1; ; used += 1) {
    try {
      return { sandbox: await answering(ports, where, signal), died };
    } catch (error) {
      if (!isGone(error)) throw error;
      const reason = await deathBehind(ports, where, { error, signal });
      if (reason === undefined) throw error;
      if (used >= MAX_MACHINES) throw diedOf(where.id, reason, used);
      await revive(ports, where, { died: reason, signal });
      died = reason;
    }
  }
};

interface Death {
  readonly died: string;
  readonly signal: AbortSignal;
}

/** Rejects with `sandbox.died` when there is nothing to go on from, `sandbox.not_running` when it is removed. */
const revive = async (ports: Ports, where: Where, { died, signal }: Death): Promise<void> => {
  const { machines, store } = ports;
  const { id, driver } = where;
  // Who has seen the old machine dead finds another record when there is a new one.
  const state = await store.write((tx) => lose(tx, id, died));
  if (state !== 'error') throw fail('sandbox.not_running', { id, state: state ?? 'gone' });
  await keepDisk(ports, where, { died, signal });
  const { plan, disks } = await store.read(async (tx) => ({
    // Written by the saga itself, from its own input.
    plan: (await creationOf(tx, id))?.input as SandboxPlan | undefined,
    disks: await disksOf(tx, id),
  }));
  if (plan === undefined || disks.length === 0) throw diedOf(id, died);
  await machines.destroy(driver, id);
  const making = { plan: { ...plan, layers: [...plan.layers, ...disks] }, driver, signal };
  const { unenforced } = await makeMachine(ports, making);
  await inNewMachine(ports, making, async () => undefined);
  await store.write((tx) => recover(tx, id, unenforced));
  ports.log.info('sandbox.revived', { sandbox: id, disks: disks.length, died });
};

/** Kept under the sandbox's own id as key. Of a machine that is gone there is none, or it was kept before. */
const keepDisk = async (ports: Ports, where: Where, { died, signal }: Death): Promise<void> => {
  const { machines, store, ids } = ports;
  const { id, driver } = where;
  const { snapshots } = machines.facets(driver);
  if (snapshots === undefined || !(await hasOldDisk(ports, where, signal))) return;
  const { layer, sizeBytes } = await snapshots.take(id).catch((error: unknown) => {
    if (!isBerthError(error) || error.code !== 'layer.too_large') throw error;
    throw diedOf(id, `${died}; ${error.message}`);
  });
  await store.write(async (tx) => {
    if ((await rowsOf(tx, id)).some((one) => one.layer === layer)) return;
    const sandbox = await tx.table('sandboxes').get(id);
    const of = { workspaceId: sandbox?.workspaceId ?? '', inputHash: id, sandboxId: id, driver };
    await tx.table('prebuilds').insert({ ...of, id: ids.new('prebuild'), state: 'ready', layer, sizeBytes });
  });
};

/** Of a machine that is dead, or that nobody here can speak with; one that answers is the new one. */
const hasOldDisk = async (ports: Ports, where: Where, signal: AbortSignal): Promise<boolean> => {
  const life = await livenessOf(ports, where);
  if (life?.state !== 'alive') return life?.state === 'dead';
  return answering(ports, where, signal).then(() => false, isOutdated);
};

const rowsOf = (tx: ReadTx, id: string): Promise<Prebuild[]> =>
  tx.table('prebuilds').list({ where: { inputHash: id, state: 'ready' } });

const disksOf = async (tx: ReadTx, id: string): Promise<string[]> =>
  (await rowsOf(tx, id)).flatMap(({ layer }) => (layer === undefined ? [] : [layer]));
