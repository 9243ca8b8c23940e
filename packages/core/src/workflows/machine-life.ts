/** Whether a machine answers, whether it lives, and what to do when it dies while its sandbox is still being made. */
import { isBerthError } from '@berth/contract';
import type { Life, MachineSpec, Sandbox } from '@berth/plugin-api';
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

export const machineOf = ({ id, layers, image, limits, tools }: SandboxPlan): MachineSpec => ({
  ...{ id, layers, image, limits, tools },
  env: {},
});

/** Machines that a step may use up, the first one included. */
const MAX_MACHINES = 3;

export interface Making {
  readonly plan: SandboxPlan;
  readonly driver: string;
  readonly signal: AbortSignal;
}

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
      await machines.create(driver, machineOf(plan), signal);
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
