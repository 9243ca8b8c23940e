/** Whether a machine answers, whether it lives, and what to do when it dies while its sandbox is still being made. */
import { fail, isBerthError } from '@berth/contract';
import type { Life, Machine, Sandbox } from '@berth/plugin-api';
import { isStop } from '../kernel/index.ts';
import { unlessAborted } from '../race.ts';
import type { SandboxPlan } from '../sandbox/index.ts';
import type { World } from '../world.ts';

export interface Where {
  readonly id: string;
  readonly driver: string;
}

export const isGone = (error: unknown): boolean =>
  isBerthError(error) && (error.code === 'sandbox.unreachable' || error.code === 'sandbox.died');

/** A guest that says nothing holds neither a stop nor a cancel up. */
export const answering = async (
  { machines }: World,
  { id, driver }: Where,
  signal: AbortSignal,
): Promise<Sandbox> => {
  const sandbox = await machines.open(driver, id);
  await unlessAborted(sandbox.metrics(), signal);
  return sandbox;
};

/** Nothing when no machine of this id is there: after a crash in the middle. */
export const lifeOf = async ({ machines }: World, { id, driver }: Where): Promise<Life | undefined> => {
  for await (const one of machines.list(driver)) if (one.id === id) return one.life;
  return undefined;
};

/** Machines that a step may use up, the first one included. */
const MAX_MACHINES = 3;

export interface Making {
  readonly plan: SandboxPlan;
  readonly driver: string;
  readonly signal: AbortSignal;
}

/** The one way to a machine, also to one in the place of another. Rejects with `gate.forgeable`. */
export const makeMachine = async (world: World, { plan, driver, signal }: Making): Promise<Machine> => {
  const { id, layers, image, limits, tools, purpose } = plan;
  const spec = { id, layers, image, limits, tools, env: {} };
  const machine = await world.machines.create(driver, spec, signal);
  if (purpose === 'gate' || purpose === 'attempt') refuseForgeable(world, driver, machine.unenforced);
  return machine;
};

/**
 * Where a command can answer in the guest's name, a gate proves nothing. An agent's work would be judged on the same
 * driver, so it is refused before the agent is asked.
 */
const refuseForgeable = ({ defaults }: World, driver: string, unenforced: readonly string[]): void => {
  const why = unenforced.find((line) => line.startsWith(FORGEABLE));
  if (why === undefined || defaults.trustedGateDrivers.includes(driver)) return;
  throw fail('gate.forgeable', { driver, reason: why.slice(FORGEABLE.length) });
};

const FORGEABLE = 'verdict: ';

/**
 * Acts inside a machine that nobody works in yet. When that fails and the machine turns out to have died, it is made
 * anew, empty, and the act is done again, so the act MUST put into it all that earlier ones had. Whatever a dead machine
 * answered says nothing: its driver is asked, not the error.
 */
export const inNewMachine = async (
  world: World,
  { plan, driver, signal }: Making,
  act: (sandbox: Sandbox) => Promise<void>,
): Promise<void> => {
  const { machines, log } = world;
  const where = { id: plan.id, driver };
  for (let used = 1; ; used += 1) {
    try {
      return await act(await answering(world, where, signal));
    } catch (error) {
      signal.throwIfAborted();
      if (isStop(error) || used >= MAX_MACHINES) throw error;
      if (!(await isDead(world, where)) && !(isGone(error) && (await isDeadSoon(world, where, signal))))
        throw error;
      log.warn('sandbox.made_anew', { sandbox: plan.id, used, error });
      await machines.destroy(driver, plan.id);
      await makeMachine(world, { plan, driver, signal });
    }
  }
};

/** Connections may end before the last process does. */
const LOOK_AGAIN_MS = 1000;

const isDeadSoon = async (world: World, where: Where, signal: AbortSignal): Promise<boolean> => {
  await world.clock.sleep(LOOK_AGAIN_MS, signal);
  return isDead(world, where);
};

const isDead = async (world: World, where: Where): Promise<boolean> => {
  const life = await lifeOf(world, where);
  return life?.state !== 'alive' && life?.state !== 'unknown';
};
