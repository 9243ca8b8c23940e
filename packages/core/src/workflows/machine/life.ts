/** Whether a machine answers, whether it lives, why it died, and how one is made, also in the place of a dead one. */
import { type BerthError, fail, isBerthError } from '@berth/contract';
import type { Liveness, Machine, Sandbox } from '@berth/plugin-api';
import { isStop, unlessAborted } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { removedUnderWork, type SandboxPlan } from '../../sandbox/index.ts';

export interface Where {
  readonly id: string;
  readonly driver: string;
}

const GONE = new Set<string>(['sandbox.unreachable', 'sandbox.died', 'sandbox.outdated']);

export const isGone = (error: unknown): boolean => isBerthError(error) && GONE.has(error.code);

/** Nobody here can speak with its guest: the server was upgraded, and the machine lives. */
export const isOutdated = (error: unknown): error is BerthError =>
  isBerthError(error) && error.code === 'sandbox.outdated';

/** A guest that says nothing holds neither a stop nor a cancel up. */
export const answering = async (
  { machines }: Ports,
  { id, driver }: Where,
  signal: AbortSignal,
): Promise<Sandbox> => {
  const sandbox = await machines.open(driver, id);
  await unlessAborted(sandbox.metrics(), signal);
  return sandbox;
};

/** Nothing when no machine of this id is there: after a crash in the middle. */
export const livenessOf = async (
  { machines }: Ports,
  { id, driver }: Where,
): Promise<Liveness | undefined> => {
  for await (const one of machines.list(driver)) if (one.id === id) return one.life;
  return undefined;
};

/** Why a machine is dead; nothing when it lives, or when nobody knows. */
export const deathIn = (life: Liveness | undefined): string | undefined => {
  if (life === undefined) return 'its machine is gone';
  if (life.state === 'dead') return life.reason;
  return life.state === 'unfinished' ? 'what its driver wrote down about it is gone' : undefined;
};

/** Machines that a step may use up, the first one included. */
export const MAX_MACHINES = 3;

/** A machine that nothing can be made to go on from, or the last one of too many. */
export const diedOf = (id: string, reason: string, times?: number) =>
  fail('sandbox.died', { id, reason, ...(times === undefined ? {} : { times }) });

export interface Making {
  readonly plan: SandboxPlan;
  readonly driver: string;
  readonly signal: AbortSignal;
}

/** The one way to a machine, also to one in the place of another. Rejects with `gate.forgeable`. */
export const makeMachine = async (ports: Ports, { plan, driver, signal }: Making): Promise<Machine> => {
  const { id, layers, image, limits, tools, purpose } = plan;
  const spec = { id, layers, image, limits, tools, env: {} };
  const machine = await ports.machines.create(driver, spec, signal);
  const refused =
    purpose === 'gate' || purpose === 'attempt' ? forgeable(ports, driver, machine.unenforced) : undefined;
  if (refused === undefined) return machine;
  // Nobody may use it: it does not wait for its record to go.
  await ports.machines.destroy(driver, id);
  throw refused;
};

/**
 * Where a command can answer in the guest's name, a gate proves nothing. An agent's work would be judged on the same
 * driver, so it is refused before the agent is asked.
 */
const forgeable = (
  { defaults }: Ports,
  driver: string,
  unenforced: readonly string[],
): BerthError | undefined => {
  const why = unenforced.find((line) => line.startsWith(FORGEABLE));
  if (why === undefined || defaults.trustedGateDrivers.includes(driver)) return undefined;
  return fail('gate.forgeable', { driver, reason: why.slice(FORGEABLE.length) });
};

const FORGEABLE = 'verdict: ';

/**
 * Acts inside a machine that nobody works in yet. When that fails and the machine turns out to have died, it is made
 * anew, empty, and the act is done again, so the act MUST put into it all that earlier ones had. Rejects with
 * `sandbox.died` when the last of them died.
 */
export const inNewMachine = async (
  ports: Ports,
  { plan, driver, signal }: Making,
  act: (sandbox: Sandbox) => Promise<void>,
): Promise<void> => {
  const { machines, log } = ports;
  const where = { id: plan.id, driver };
  for (let used = 1; ; used += 1) {
    try {
      return await act(await answering(ports, where, signal));
    } catch (error) {
      const reason = await deathBehind(ports, where, { error, signal });
      if (reason === undefined) throw error;
      if (used >= MAX_MACHINES) throw diedOf(plan.id, reason, used);
      log.warn('sandbox.made_anew', { sandbox: plan.id, used, error });
      await machines.destroy(driver, plan.id);
      await makeMachine(ports, { plan, driver, signal });
    }
  }
};

/** Acts inside a machine that is of no use when it has died: what it died of is told then, not how that was noticed. */
export const inMachine = async <T>(
  ports: Ports,
  { id, driver, signal }: Where & { readonly signal: AbortSignal },
  act: (sandbox: Sandbox) => Promise<T>,
): Promise<T> => {
  try {
    return await act(await ports.machines.open(driver, id));
  } catch (error) {
    const reason = await deathBehind(ports, { id, driver }, { error, signal });
    throw reason === undefined ? error : diedOf(id, reason);
  }
};

const OUTDATED = 'its guest is of another version of Berth';

/** Connections may end before the last process does. */
const LOOK_AGAIN_MS = 1000;

/**
 * Why the machine died in which an act failed, or is of no more use than a dead one; nothing when it lives. What a dead machine answered says nothing: its
 * driver is asked, not the error. Rejects with the reason of the signal, with a stop, and with `sandbox.removed` when
 * somebody took the sandbox away.
 */
export const deathBehind = async (
  ports: Ports,
  where: Where,
  { error, signal }: { readonly error: unknown; readonly signal: AbortSignal },
): Promise<string | undefined> => {
  signal.throwIfAborted();
  if (isStop(error)) throw error;
  const removed = removedUnderWork(await ports.store.read((tx) => tx.table('sandboxes').get(where.id)));
  if (removed !== undefined) throw removed;
  if (isOutdated(error)) return OUTDATED;
  const reason = deathIn(await livenessOf(ports, where));
  if (reason !== undefined || !isGone(error)) return reason;
  await ports.clock.sleep(LOOK_AGAIN_MS, signal);
  return deathIn(await livenessOf(ports, where));
};
