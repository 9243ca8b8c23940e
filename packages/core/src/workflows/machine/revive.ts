/**
 * If a sandbox's machine has died, alone or with its host, or its guest is older than the server, the sandbox
 * continues from its disk: the disk becomes a layer, and a new machine with the same id starts from the old
 * machine's layers plus that one. Processes are lost; the files are kept.
 *
 * The layer is recorded before the old machine is destroyed and kept for as long as the sandbox. Every step
 * is safe to repeat: a disk that was already kept has the same name, and a live machine is left alone.
 */
import { fail, isBerthError } from '@berth/contract';
import type { Sandbox } from '@berth/plugin-api';
import { allRows, type Prebuild, type ReadTx } from '../../kernel/index.ts';
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
  MAX_MACHINES,
  makeMachine,
  unenforcedLines,
  type Where,
} from './life.ts';

export interface Reached {
  readonly sandbox: Sandbox;
  /** Set if the machine is new and starts from the disk of one that died: why that one did. */
  readonly died: string | undefined;
}

/**
 * Runs `act` in a sandbox. If it fails because the machine died, it runs again in a new machine with the same
 * disk, so `act` MUST be safe to repeat. Rejects with `sandbox.died` if the last machine has died, or one
 * left nothing to recover.
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

/**
 * Rejects with `sandbox.unreachable` if it lives but does not answer, and with `sandbox.died` if nothing is
 * left to recover.
 */
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

/**
 * Rejects with `sandbox.died` if there is nothing to recover, and with `sandbox.not_running` if the sandbox
 * has been removed.
 */
const revive = async (ports: Ports, where: Where, { died, signal }: Death): Promise<void> => {
  const { machines, store } = ports;
  const { id, driver } = where;
  // If there is already a new machine, the record has changed since the old one was seen dead.
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
  const unenforced = unenforcedLines(await makeMachine(ports, making));
  await inNewMachine(ports, making, async () => undefined);
  await store.write((tx) => recover(tx, id, unenforced));
  ports.log.info('sandbox.revived', { sandbox: id, disks: disks.length, died });
};

/**
 * Keeps the disk under the sandbox's id. If the machine is gone, there is no disk, or it has been kept
 * already.
 */
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

/**
 * True for a machine that is dead or that nothing here can talk to; one that answers is already the new one.
 */
const hasOldDisk = async (ports: Ports, where: Where, signal: AbortSignal): Promise<boolean> => {
  const { state } = await ports.machines.inspect(where.driver, where.id);
  if (state !== 'running') return state === 'dead';
  return answering(ports, where, signal).then(() => false, isOutdated);
};

const rowsOf = (tx: ReadTx, id: string): Promise<Prebuild[]> =>
  allRows(tx, { table: 'prebuilds', where: { inputHash: id, state: 'ready' } });

const disksOf = async (tx: ReadTx, id: string): Promise<string[]> =>
  (await rowsOf(tx, id)).flatMap(({ layer }) => (layer === undefined ? [] : [layer]));
