/**
 * Whether a machine answers and lives, why it died, and how to create one, including a replacement for a dead
 * one.
 */
import { type BerthError, fail, isBerthError } from '@berth/contract';
import type { Liveness, Machine, Sandbox, Unenforced } from '@berth/plugin-api';
import { isStop, unlessAborted } from '../../kernel/index.ts';
import type { Ports } from '../../ports.ts';
import { removedUnderWork, type SandboxPlan } from '../../sandbox/index.ts';

export interface Where {
  readonly id: string;
  readonly driver: string;
}

const GONE = new Set<string>(['sandbox.unreachable', 'sandbox.died', 'sandbox.outdated']);

export const isGone = (error: unknown): boolean => isBerthError(error) && GONE.has(error.code);

/** The machine lives, but after a server upgrade nothing here can talk to its guest. */
export const isOutdated = (error: unknown): error is BerthError =>
  isBerthError(error) && error.code === 'sandbox.outdated';

/** An unresponsive guest must not delay a stop or a cancel. */
export const answering = async (
  { machines }: Ports,
  { id, driver }: Where,
  signal: AbortSignal,
): Promise<Sandbox> => {
  const sandbox = await machines.open(driver, id);
  await unlessAborted(sandbox.metrics(), signal);
  return sandbox;
};

/** Why a machine is dead; undefined if it runs or its state is unknown. */
export const deathIn = (life: Liveness): string | undefined => {
  switch (life.state) {
    case 'dead':
      return life.reason;
    case 'absent':
      return 'its machine is gone';
    case 'unfinished':
      return 'what its driver wrote down about it is gone';
    case 'running':
    case 'unknown':
      return undefined;
  }
};

/** Maximum number of machines for one step, including the first. */
export const MAX_MACHINES = 3;

/** For a machine with nothing to recover from, or the last one allowed. */
export const diedOf = (id: string, reason: string, times?: number) =>
  fail('sandbox.died', { id, reason, ...(times === undefined ? {} : { times }) });

export interface Making {
  readonly plan: SandboxPlan;
  readonly driver: string;
  readonly signal: AbortSignal;
}

/** The only place that creates machines, including replacements. Rejects with `gate.forgeable`. */
export const makeMachine = async (ports: Ports, { plan, driver, signal }: Making): Promise<Machine> => {
  const { id, layers, image, limits, tools, purpose } = plan;
  const spec = { id, layers, image, limits, tools, env: {} };
  const machine = await ports.machines.create(driver, spec, signal);
  const refused =
    purpose === 'gate' || purpose === 'attempt' ? forgeable(ports, driver, machine.unenforced) : undefined;
  if (refused === undefined) return machine;
  // Nobody may use it, so it is destroyed at once rather than with its record.
  await ports.machines.destroy(driver, id);
  throw refused;
};

/**
 * If a command can answer in the guest's name, a gate proves nothing. An agent's work would be judged on the
 * same driver, so this is refused before the agent starts.
 */
const forgeable = (
  { defaults }: Ports,
  driver: string,
  unenforced: readonly Unenforced[],
): BerthError | undefined => {
  const why = unenforced.find(({ kind }) => kind === 'verdict');
  if (why === undefined || defaults.trustedGateDrivers.includes(driver)) return undefined;
  return fail('gate.forgeable', { driver, reason: why.reason });
};

/** As people see it. */
export const unenforcedLines = ({ unenforced }: Machine): string[] =>
  unenforced.map(({ kind, reason }) => `${kind}: ${reason}`);

/**
 * Runs `act` in a machine that nobody works in yet. If it fails because the machine died, the machine is
 * recreated, empty, and `act` runs again, so it MUST restore everything that earlier calls had put there.
 * Rejects with `sandbox.died` when the last machine has died.
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

/**
 * Runs `act` in a machine that cannot be replaced. If the machine died, rejects with the reason for that, not
 * with the error that revealed it.
 */
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

/** A connection may end before the last process does. */
const LOOK_AGAIN_MS = 1000;

/**
 * Why the machine in which `act` failed has died, or is as useless as a dead one; undefined if it lives.
 * Errors from a dead machine mean nothing, so this asks the driver. Rejects with the reason of the signal,
 * with a stop, and with `sandbox.removed` if the sandbox was removed.
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
  const look = async (): Promise<string | undefined> =>
    deathIn(await ports.machines.inspect(where.driver, where.id));
  const reason = await look();
  if (reason !== undefined || !isGone(error)) return reason;
  await ports.clock.sleep(LOOK_AGAIN_MS, signal);
  return look();
};
