/**
 * What a sandbox of a workspace starts from: the layer that its set-up left, made now when there is none yet. Many may
 * wait for the same layer; one job makes it, and goes on when those who wait lose interest. A driver without disk
 * snapshots gets no layer: each of its sandboxes runs the set-up itself.
 */
import { fail, type Isolation, type Workspace } from '@berth/contract';
import { createInterrupts, type Prebuild, revive, toJson } from '../kernel/index.ts';
import type { CommitByRepository } from '../ports.ts';
import { unlessAborted } from '../race.ts';
import { planSandbox, type SandboxPlan } from '../sandbox/index.ts';
import type { SetupPlan } from '../setup-plan.ts';
import { staged } from '../task/index.ts';
import { type FilesByRepository, planSetup, setupInputHash } from '../workspace/index.ts';
import type { World } from '../world.ts';
import { type PrepareInput, prepareWorkspace } from './prepare-workspace.ts';

export interface StartRequest {
  /** Image and driver may be other ones than the workspace's own. */
  readonly workspace: Workspace;
  readonly isolation?: Isolation | undefined;
  readonly commits: CommitByRepository;
  /** Is told that it waits for a set-up. */
  readonly attemptId?: string | undefined;
  readonly signal: AbortSignal;
}

export type Start = Pick<SandboxPlan, 'layers' | 'setup'>;

const MAX_PREPARATIONS = 3;

/** Rejects with the error of the set-up, or with the reason of the signal; the making of the layer goes on then. */
export const startFrom = async (world: World, request: StartRequest): Promise<Start> => {
  const { workspace, isolation } = request;
  const files = await filesOf(world, request);
  const setup = planSetup(workspace, files, world.defaults);
  if (setup === undefined) return { layers: [] };
  const driver = await world.machines.choose({ driver: workspace.driver, isolation });
  if (world.machines.facets(driver.name).snapshots === undefined) return { layers: [], setup };
  const inputHash = setupInputHash(world.digest, {
    setup,
    workspace,
    driver: driver.name,
    isolation: driver.isolation,
    files,
  });
  return { layers: [await layerFor(world, { inputHash, driver: driver.name, setup, request })] };
};

const layerFor = async (world: World, wanted: Wanted): Promise<string> => {
  for (let preparation = 1; preparation <= MAX_PREPARATIONS; preparation += 1) {
    const found = await findOrBegin(world, wanted);
    const prebuild =
      found.state === 'building' ? await told(world, wanted, () => settled(world, found, wanted)) : found;
    if (prebuild?.state === 'ready' && prebuild.layer !== undefined) return prebuild.layer;
  }
  throw fail('work.cancelled', { reason: 'the set-up was given up' });
};

/** Rejects with the verdict about this set-up. Another task's fate (its cancel, a layer dropped meanwhile) is none. */
const settled = async (world: World, prebuild: Prebuild, wanted: Wanted): Promise<Prebuild | undefined> => {
  await untilSettled(world, prebuild, wanted);
  const now = await world.store.read((tx) => tx.table('prebuilds').get(prebuild.id));
  if (now?.error !== undefined && now.error.code !== 'work.cancelled') throw revive(now.error);
  return now;
};

const filesOf = async (
  { hub }: Pick<World, 'hub'>,
  { workspace, commits }: StartRequest,
): Promise<FilesByRepository> => {
  const files: Record<string, Readonly<Record<string, string>>> = {};
  for (const [repository, commit] of Object.entries(commits))
    files[repository] = await hub.files(workspace.id, repository, commit);
  return files;
};

/** A person who watches an attempt sees what it waits for. */
const told = <T>(world: World, { request, setup }: Wanted, wait: () => Promise<T>): Promise<T> => {
  const { attemptId } = request;
  const detail = setup.commands.map(({ run }) => run).join('; ');
  return attemptId === undefined ? wait() : staged(world, { attemptId, stage: 'setup', detail }, wait);
};

interface Wanted {
  readonly inputHash: string;
  readonly driver: string;
  readonly setup: SetupPlan;
  readonly request: StartRequest;
}

/** The prebuild of these inputs that is ready or being made; else a new one, with the job that makes it. */
const findOrBegin = (world: World, wanted: Wanted): Promise<Prebuild> =>
  world.store.write(async (tx) => {
    const { workspace } = wanted.request;
    const { inputHash, driver } = wanted;
    const known = await tx.table('prebuilds').list({
      where: { inputHash, workspaceId: workspace.id, state: ['ready', 'building'] },
      order: 'desc',
    });
    const found = known.find((one) => one.state === 'ready') ?? known[0];
    if (found !== undefined) return found;
    const id = world.ids.new('prebuild');
    const begun = await tx
      .table('prebuilds')
      .insert({ id, workspaceId: workspace.id, state: 'building', inputHash, driver });
    await world.queue.add(tx, 'workspace.prepare', toJson(inputOf(world, id, wanted), 'data'), { key: id });
    return begun;
  });

const inputOf = (world: World, prebuildId: string, { driver, setup, request }: Wanted): PrepareInput => {
  const { workspace, commits } = request;
  const checkout = workspace.repositories
    .filter(({ name }) => commits[name] !== undefined)
    .map(({ name, branch }) => ({ name, commit: commits[name] ?? '', branch }));
  const sandbox = planSandbox(world.defaults, workspace, {
    id: world.ids.from('sandbox', prebuildId),
    purpose: 'setup',
    driver,
    isolation: request.isolation,
    egress: { preset: 'none' },
    checkout,
    setup,
  });
  return { prebuildId, sandbox };
};

/**
 * Joins the run that the job began, or begins it. How it ends is read from the record afterwards. A cancel ends the
 * waiting alone: others may wait for the same layer.
 */
const untilSettled = async (world: World, prebuild: Prebuild, wanted: Wanted): Promise<void> => {
  const { stop, either, release } = createInterrupts(wanted.request.signal);
  const made = world.sagas.run(prepareWorkspace, {
    id: world.ids.from('saga', prebuild.id),
    input: inputOf(world, prebuild.id, wanted),
    subject: prebuild.id,
    signal: stop,
  });
  try {
    await unlessAborted(made.then(ended, ended), either);
  } finally {
    release();
  }
};

const ended = (): void => undefined;
