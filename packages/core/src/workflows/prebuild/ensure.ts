/**
 * Provides what a sandbox of a workspace starts from: the layer with the result of its set-up, built now if
 * there is none yet. Many may wait for the same layer; one job builds it and continues even if they stop
 * waiting. With a driver that has no disk snapshots there is no layer, and each sandbox runs the set-up
 * itself.
 *
 * A shared layer is built only from the tips of the target branches. Commits that have not landed may start
 * from it if their set-up has the same inputs; otherwise they get a private layer, which belongs to their
 * attempt and is deleted with it.
 */
import { fail, type Isolation, type Workspace } from '@berth/contract';
import {
  createInterrupts,
  isDeferred,
  type Prebuild,
  type ReadTx,
  revive,
  type Tx,
  toJson,
  unlessAborted,
} from '../../kernel/index.ts';
import type { CommitByRepository, Ports } from '../../ports.ts';
import {
  egressOfChange,
  type FilesByRepository,
  planSetup,
  runsOwnCode,
  setupInputHash,
  type WorkEgress,
} from '../../prebuild/index.ts';
import { planSandbox, type SandboxPlan } from '../../sandbox/index.ts';
import type { SetupPlan } from '../../setup-plan.ts';
import { staged } from '../../task/index.ts';
import { targetsOf } from '../../workspace/index.ts';
import { type PrepareInput, prepareWorkspace, settle } from './prepare-workspace.ts';

export interface StartRequest {
  /** Its image and driver may differ from the stored workspace's. */
  readonly workspace: Workspace;
  readonly isolation?: Isolation | undefined;
  readonly commits: CommitByRepository;
  /** The hub refs that lead to the commits, by repository. Default: the target's ref. */
  readonly from?: Readonly<Record<string, string>> | undefined;
  /** Whose followers are told that it waits for a set-up. */
  readonly attemptId?: string | undefined;
  /** The attempt's egress. */
  readonly work?: WorkEgress | undefined;
  readonly signal: AbortSignal;
}

export type Start = Pick<SandboxPlan, 'layers' | 'setup'>;

const MAX_PREPARATIONS = 3;
const NO_VERDICT = new Set(['work.cancelled', 'sandbox.unreachable', 'sandbox.died', 'sandbox.removed']);
const SETTING_MAX_BYTES = 4 * 2 ** 20;

/**
 * Rejects with the error of the set-up or with the reason of the signal; after the latter, the layer is still
 * built.
 */
export const ensurePrebuild = async (ports: Ports, request: StartRequest): Promise<Start> => {
  const { workspace, isolation, commits } = request;
  const driver = await ports.machines.choose({ driver: workspace.driver, isolation });
  const asked = await sourceOf(ports, request, driver, commits);
  if (asked === undefined) return { layers: [] };
  const { setup } = asked;
  if (ports.machines.facets(driver.name).snapshots === undefined) {
    const source = await trustedSource(ports, request, driver, asked);
    return { layers: [], setup: source?.setup ?? setup };
  }
  let reason = 'its result was gone before it could be used';
  for (let preparation = 1; preparation <= MAX_PREPARATIONS; preparation += 1) {
    const wanted = { ...asked, driver: driver.name, request };
    const prebuild = await findOrBegin(ports, wanted, () => trustedSource(ports, request, driver, asked));
    if (prebuild === undefined) return { layers: [], setup };
    const { layer, error } = await layerOf(ports, prebuild, wanted);
    if (layer !== undefined) {
      if ((await layersOf(ports, driver.name)).has(layer)) return { layers: [layer] };
      await supersedeLost(ports, prebuild.id, layer);
    }
    if (error !== undefined) reason = error.message;
  }
  throw fail('setup.unfinished', { times: MAX_PREPARATIONS, reason });
};

/** The set-up that `ensurePrebuild` provides for, with the egress that it really has; undefined if there is none. */
export const plannedSetup = async (
  ports: Ports,
  driver: Driver,
  request: Omit<StartRequest, 'signal'>,
): Promise<SetupPlan | undefined> => {
  const { workspace, commits } = request;
  const asked = await sourceOf(ports, request, driver, commits);
  if (asked === undefined || request.work === undefined) return asked?.setup;
  const found = await ports.store.read((tx) => known(tx, workspace, asked.inputHash));
  if (found !== undefined) return asked.setup;
  return ((await trustedSource(ports, request, driver, asked)) ?? asked).setup;
};

type Driver = { readonly name: string; readonly isolation: Isolation };

interface Source {
  readonly inputHash: string;
  readonly commits: CommitByRepository;
  readonly setup: SetupPlan;
  readonly runsOwnCode: () => Promise<boolean>;
  /** The attempt that owns the layer. */
  readonly attemptId?: string | undefined;
}

const sourceOf = async (
  ports: Ports,
  { workspace }: Pick<StartRequest, 'workspace'>,
  driver: Driver,
  commits: CommitByRepository,
): Promise<Source | undefined> => {
  const files: FilesByRepository = await filesOf(ports, workspace.id, commits);
  const setup = planSetup(workspace, files, ports.defaults);
  if (setup === undefined) return undefined;
  const read = settingOf(ports, workspace.id, commits);
  const inputHash = await setupInputHash(ports.digest, {
    ...{ setup, workspace, commits, files, read },
    contents: await ports.machines.identify(driver.name, workspace.image),
    driver: driver.name,
    isolation: driver.isolation,
  });
  return { inputHash, commits, setup, runsOwnCode: () => runsOwnCode({ setup, files, read }) };
};

/**
 * The targets, if their set-up has the same inputs; otherwise the requested commits, as the attempt's private
 * source.
 */
const trustedSource = async (
  ports: Ports,
  request: Omit<StartRequest, 'signal'>,
  driver: Driver,
  asked: Source,
): Promise<Source | undefined> => {
  const commits = await targetsOf(ports, request.workspace);
  const target = await sourceOf(ports, request, driver, commits);
  if (target?.inputHash === asked.inputHash) return target;
  const { attemptId, work } = request;
  if (attemptId === undefined) return undefined;
  const isNarrowed = work !== undefined && (await asked.runsOwnCode());
  const egress = isNarrowed
    ? egressOfChange(asked.setup.egress, work, (await target?.runsOwnCode()) ?? false)
    : asked.setup.egress;
  const inputHash = ports.digest(`${asked.inputHash} of ${attemptId} reaching ${JSON.stringify(egress)}`);
  return { ...asked, setup: { ...asked.setup, egress }, attemptId, inputHash };
};

/** Returns neither if it was superseded meanwhile. An error returned here is not a verdict on the set-up. */
const layerOf = async (
  ports: Ports,
  prebuild: Prebuild,
  wanted: Wanted,
): Promise<Pick<Prebuild, 'layer' | 'error'>> => {
  const now =
    prebuild.state === 'building'
      ? await reportingStage(ports, wanted, () => settled(ports, prebuild, wanted))
      : prebuild;
  return now?.state === 'ready' ? { layer: now.layer } : { error: now?.error };
};

/**
 * Rejects with the verdict on this set-up. What happened to another task (a cancel, a deleted layer) is not a
 * verdict, nor is the death of a machine.
 */
const settled = async (ports: Ports, prebuild: Prebuild, wanted: Wanted): Promise<Prebuild | undefined> => {
  await untilSettled(ports, prebuild, wanted);
  const now = await ports.store.read((tx) => tx.table('prebuilds').get(prebuild.id));
  if (now?.error !== undefined && !NO_VERDICT.has(now.error.code)) throw revive(now.error);
  return now;
};

/** Reads the files of these commits that an installer would read. */
export const settingOf =
  ({ hub }: Pick<Ports, 'hub'>, workspaceId: string, commits: CommitByRepository) =>
  (repository: string, path: string): Promise<string | undefined> =>
    hub.readFile(workspaceId, repository, {
      ...{ commit: commits[repository] ?? '', path, maxBytes: SETTING_MAX_BYTES },
    });

export const filesOf = async (
  { hub }: Pick<Ports, 'hub'>,
  workspaceId: string,
  commits: CommitByRepository,
): Promise<FilesByRepository> => {
  const files: Record<string, Readonly<Record<string, string>>> = {};
  for (const [repository, commit] of Object.entries(commits))
    files[repository] = await hub.files(workspaceId, repository, commit);
  return files;
};

/** Lets the attempt's followers see what it waits for. */
const reportingStage = <T>(ports: Ports, { request, setup }: Wanted, wait: () => Promise<T>): Promise<T> => {
  const { attemptId } = request;
  const detail = setup.commands.map(({ run }) => run).join('; ');
  return attemptId === undefined ? wait() : staged(ports, { attemptId, stage: 'setup', detail }, wait);
};

interface Wanted extends Source {
  readonly driver: string;
  readonly request: StartRequest;
}

const known = async (
  tx: ReadTx,
  { id: workspaceId }: Workspace,
  inputHash: string,
): Promise<Prebuild | undefined> => {
  for (const state of ['ready', 'building']) {
    const where = { inputHash, workspaceId, state };
    const [newest] = await tx.table('prebuilds').list({ where, order: 'desc', limit: 1 });
    if (newest !== undefined) return newest;
  }
  return undefined;
};

/** A ready or building prebuild of these inputs, or else a new one from a trusted source. */
const findOrBegin = async (
  ports: Ports,
  { inputHash, driver, request }: Wanted,
  trusted: () => Promise<Source | undefined>,
): Promise<Prebuild | undefined> => {
  const { workspace } = request;
  const found = await ports.store.read((tx) => known(tx, workspace, inputHash));
  if (found !== undefined) return found;
  const source = await trusted();
  if (source === undefined) return undefined;
  return ports.store.write(async (tx) => {
    const theirs = await known(tx, workspace, source.inputHash);
    if (theirs !== undefined) return theirs;
    const id = ports.ids.new('prebuild');
    const { inputHash, attemptId } = source;
    const begun = await tx
      .table('prebuilds')
      .insert({ id, workspaceId: workspace.id, state: 'building', inputHash, driver, attemptId });
    const input = inputOf(ports, id, { ...source, driver, request });
    await ports.queue.add(tx, 'workspace.prepare', toJson(input, 'data'), { key: id });
    return begun;
  });
};

const inputOf = (ports: Ports, prebuildId: string, wanted: Wanted): PrepareInput => {
  const { driver, setup, commits, attemptId, request } = wanted;
  const { workspace } = request;
  // The refs lead to the requested commits; targets need none.
  const from = commits === request.commits ? request.from : undefined;
  const checkout = workspace.repositories
    .filter(({ name }) => commits[name] !== undefined)
    .map(({ name, branch }) => ({ name, commit: commits[name] ?? '', branch, from: from?.[name] }));
  const sandbox = planSandbox(ports.defaults, workspace, {
    id: ports.ids.from('sandbox', prebuildId),
    purpose: 'setup',
    driver,
    isolation: request.isolation,
    egress: { preset: 'none' },
    checkout,
    setup,
  });
  return { prebuildId, sandbox, isPrivate: attemptId !== undefined };
};

/**
 * Joins the run that the job started, or starts it with the job's input: a caller that waits for a layer must
 * not influence what it is built from. The outcome is read from the record afterwards. A cancel only ends the
 * wait, because others may be waiting for the same layer.
 */
const untilSettled = async (ports: Ports, prebuild: Prebuild, { request }: Wanted): Promise<void> => {
  const id = ports.ids.from('saga', prebuild.id);
  const input = await ports.store.write((tx) =>
    promisedInput(ports, tx, { prebuildId: prebuild.id, run: id }),
  );
  if (input === undefined) return;
  const { stop, either, release } = createInterrupts(request.signal);
  const made = ports.sagas.run(prepareWorkspace, { id, input, subject: prebuild.id, signal: stop });
  try {
    await unlessAborted(made.then(ended, endedBadly), either);
  } finally {
    release();
  }
};

/**
 * Marks the prebuild as failed if nothing will build it any more, because its job was lost when a database
 * was restored.
 */
const promisedInput = async (
  { queue }: Ports,
  tx: Tx,
  { prebuildId, run }: { readonly prebuildId: string; readonly run: string },
): Promise<PrepareInput | undefined> => {
  const job = (await queue.find(tx, prebuildId)).at(-1);
  const promised = job?.data ?? (await tx.table('sagas').get(run))?.input;
  if (promised === undefined) await settle(tx, prebuildId, { state: 'failed' });
  return promised as PrepareInput | undefined;
};

const ended = (): void => undefined;

/** A build that waits for a slot has not ended, so the caller releases its worker, too. */
const endedBadly = (error: unknown): void => {
  if (isDeferred(error)) throw error;
};

/** A layer may be gone from its driver: removed by hand, or missing from a backup. */
export const layersOf = async (
  { machines }: Pick<Ports, 'machines'>,
  driver: string,
): Promise<Set<string>> => {
  const there = new Set<string>();
  for await (const { layer } of machines.facets(driver).snapshots?.list() ?? []) there.add(layer);
  return there;
};

/**
 * Returns false if the record has changed meanwhile. Tells the operator, because something removes files that
 * the server needs.
 */
export const supersedeLost = async (
  { store, troubles }: Pick<Ports, 'store' | 'troubles'>,
  prebuildId: string,
  layer: string,
): Promise<boolean> => {
  const driver = await store.write(async (tx) => {
    const now = await tx.table('prebuilds').get(prebuildId);
    if (now?.state !== 'ready' || now.layer !== layer) return undefined;
    await tx.table('prebuilds').update(prebuildId, now.revision, { state: 'superseded' });
    return now.driver;
  });
  if (driver === undefined) return false;
  troubles.note(
    prebuildId,
    `its layer is gone from the driver ${driver} and is made again when it is needed; ` +
      'keep cleaners away from the folder of the driver, and have it in backups as a whole',
  );
  return true;
};
