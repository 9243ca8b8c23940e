/**
 * Assembles the core: the sagas, the queues whose jobs run them, the reconcilers, and the verbs that the
 * server calls. Nothing happens before `start`; `stop` leaves everything as it is, to continue at the next
 * start.
 */
import type { Json } from '@berth/plugin-api';
import { createPrecedence } from './change/index.ts';
import {
  baselineGivenUp,
  handleBaseline,
  handlePrepare,
  handleTask,
  prepareGivenUp,
  taskGivenUp,
} from './job-handlers.ts';
import { progressOf } from './job-progress.ts';
import {
  type Clock,
  createLeases,
  createQueue,
  createReconcilers,
  createSagas,
  createTroubles,
  familyOf,
  type Ids,
  type Log,
  pagesOf,
  type Queue,
  type Reconcilers,
  type Sagas,
  Stopped,
  type Store,
  silentLog,
  type Troubles,
} from './kernel/index.ts';
import type { ExternalPorts, Ports } from './ports.ts';
import { approvalReconciler } from './reconcilers/approvals.ts';
import { branchReconciler } from './reconcilers/branches.ts';
import { clockReconciler, followClock } from './reconcilers/clock.ts';
import { dependencyReconciler } from './reconcilers/dependencies.ts';
import { historyReconciler } from './reconcilers/history.ts';
import { hubReconciler } from './reconcilers/hub.ts';
import { layerReconciler } from './reconcilers/layers.ts';
import { livenessReconciler } from './reconcilers/liveness.ts';
import { orphanReconciler } from './reconcilers/orphans.ts';
import { precedenceReconciler } from './reconcilers/precedence.ts';
import { runReconciler } from './reconcilers/runs.ts';
import { sandboxReconciler } from './reconcilers/sandboxes.ts';
import { slotReconciler } from './reconcilers/slots.ts';
import { stuckReconciler } from './reconcilers/stuck.ts';
import { taskReconciler } from './reconcilers/tasks.ts';
import { createSandboxSlots } from './sandbox/index.ts';
import { type Changes, createChanges } from './verbs/changes.ts';
import { createSandboxes, removeAllSandboxes, type Sandboxes } from './verbs/sandboxes.ts';
import { createTasks, type Tasks } from './verbs/tasks.ts';
import { createWorkspaces, type Workspaces } from './verbs/workspaces.ts';
import { takeTurn } from './workflows/attempt/take-turn.ts';
import { checkTarget } from './workflows/gate/baseline.ts';
import { checkCommand } from './workflows/gate/check-command.ts';
import { checkGate } from './workflows/gate/check-gate.ts';
import { landChange } from './workflows/landing/land-change.ts';
import { landChange1 } from './workflows/landing/land-change-1.ts';
import { createSandbox } from './workflows/machine/create-sandbox.ts';
import { prepareWorkspace } from './workflows/prebuild/prepare-workspace.ts';
import { runTask, runTask1 } from './workflows/run-task.ts';

/** Every saga, in the version that new runs use. */
export const SAGAS = [
  createSandbox,
  prepareWorkspace,
  checkGate,
  checkCommand,
  checkTarget,
  takeTurn,
  landChange,
  runTask,
] as const;
/** Older versions, of which an upgraded installation may have unfinished runs. */
export const EARLIER_SAGAS = [landChange1, runTask1] as const;
export const RECONCILERS = [
  clockReconciler,
  livenessReconciler,
  sandboxReconciler,
  slotReconciler,
  precedenceReconciler,
  orphanReconciler,
  taskReconciler,
  dependencyReconciler,
  approvalReconciler,
  layerReconciler,
  branchReconciler,
  hubReconciler,
  stuckReconciler,
  runReconciler,
  historyReconciler,
] as const;

export interface CoreDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** SHA-256 of a UTF-8 text, in hex. */
  readonly digest: (text: string) => string;
  readonly ports: ExternalPorts;
  readonly log?: Log | undefined;
  /** Identifies this process; different at every start. */
  readonly owner: string;
  /** Maximum number of tasks worked on concurrently. Default: 4. */
  readonly maxTasks?: number | undefined;
  /** Lets tests kill the process at a named point of a saga. */
  readonly crashPoint?: ((name: string) => void) | undefined;
}

export interface Core {
  readonly workspaces: Workspaces;
  readonly sandboxes: Sandboxes;
  readonly tasks: Tasks;
  readonly changes: Changes;
  readonly sagas: Sagas<Ports>;
  readonly queue: Queue;
  readonly reconcilers: Reconcilers;
  /** Failures that are being retried. */
  readonly troubles: Troubles;
  /** Resumes what an earlier process left. Resolves once everything is running again. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Accepts no more work, and resolves once no sandbox is left. Work in progress continues at the next start.
   */
  removeSandboxes(): Promise<void>;
}

const DEFAULT_MAX_TASKS = 4;
const MAX_PREPARATIONS = 2;
const MAX_BASELINES = 2;

/**
 * Everything that sagas are given. The sagas receive the ports and the ports contain the sagas; the getter
 * resolves this cycle.
 */
export const createPorts = (deps: CoreDeps): Ports => {
  const {
    store,
    clock,
    ids,
    digest,
    ports: external,
    owner,
    log = silentLog,
    crashPoint = () => undefined,
  } = deps;
  const queue = createQueue({ store, clock, ids, owner, log });
  const ports: Ports = {
    ...external,
    store,
    clock,
    ids,
    digest,
    log,
    troubles: createTroubles({ clock, log }),
    queue,
    leases: createLeases({ store, clock, owner }),
    precedence: createPrecedence({ store, clock, queue }),
    slots: createSandboxSlots({ store, clock, limit: external.defaults.maxSandboxes }),
    get sagas() {
      return sagas;
    },
  };
  const sagas = createSagas<Ports>({
    ...{ store, clock, ports, owner, definitions: [...SAGAS, ...EARLIER_SAGAS], log, crashPoint },
    fenced: (ports, own) => ({ ...ports, ...own }),
    until: (ports, signal) => ({ ...ports, hub: ports.hub.until(signal) }),
  });
  return ports;
};

export const createCore = (deps: CoreDeps): Core => {
  const { store, clock, log = silentLog, maxTasks = DEFAULT_MAX_TASKS } = deps;
  const ports = createPorts(deps);
  const { queue, sagas } = ports;
  const reconcilers = createReconcilers({
    store,
    clock,
    definitions: RECONCILERS,
    ports,
    log,
    troubles: ports.troubles,
  });
  const stopping = new AbortController();

  return {
    workspaces: createWorkspaces(ports),
    sandboxes: createSandboxes(ports, stopping.signal),
    tasks: createTasks(ports, stopping.signal),
    changes: createChanges(ports),
    sagas,
    queue,
    reconcilers,
    troubles: ports.troubles,
    async start() {
      await followClock(ports);
      await queue.recover({
        progressOf: (tx, job) => progressOf(tx, deps.ids, job),
        order: ['workspace.prepare', 'gate.baseline', 'task.run'],
      });
      await resumeManual(ports, stopping.signal);
      queue.process('workspace.prepare', handlePrepare(ports), {
        concurrency: MAX_PREPARATIONS,
        onGivenUp: prepareGivenUp(ports),
      });
      queue.process('gate.baseline', handleBaseline(ports), {
        concurrency: MAX_BASELINES,
        onGivenUp: baselineGivenUp(ports),
      });
      const onGivenUp = taskGivenUp(ports);
      queue.process('task.run', handleTask(ports), { concurrency: maxTasks, onGivenUp });
      reconcilers.start();
    },
    async stop() {
      stopping.abort(new Stopped('the server stops'));
      await Promise.all([reconcilers.close(), queue.close()]);
    },
    async removeSandboxes() {
      await queue.close();
      await removeAllSandboxes(ports, stopping.signal);
    },
  };
};

/** Runs that a request waited for have no job of their own; those of tasks are resumed by their jobs. */
const resumeManual = async ({ sagas, store, log }: Ports, signal: AbortSignal): Promise<void> => {
  const unfinished = { table: 'sagas', where: { state: ['running', 'undoing'] } } as const;
  for await (const runs of pagesOf(store, unfinished, signal))
    for (const { id, name, input } of runs)
      if (familyOf(name) === createSandbox.family && isManual(input))
        sagas.resume(id, signal).catch((error: unknown) => {
          log.warn('sandbox.not_resumed', { saga: id, error });
        });
};

const isManual = (input: Json): boolean =>
  typeof input === 'object' && input !== null && 'purpose' in input && input.purpose === 'manual';
