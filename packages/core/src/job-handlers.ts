/**
 * Handlers of the queues' jobs: each runs one saga, under an id derived from the job, so that running it
 * again is idempotent.
 */
import { isBerthError } from '@berth/contract';
import {
  Deferred,
  type Handler,
  isDeferred,
  isParked,
  isStop,
  type Job,
  type Tx,
  type Wait,
} from './kernel/index.ts';
import type { Ports } from './ports.ts';
import { progressed } from './task/index.ts';
import { wakeTask } from './verbs/tasks.ts';
import { type AttemptInput, attemptOf, failTask, runIdOf } from './workflows/attempt/records.ts';
import { baselineJobOf, runBaseline } from './workflows/gate/baseline.ts';
import { type PrepareInput, prepareWorkspace } from './workflows/prebuild/prepare-workspace.ts';
import { runTask } from './workflows/run-task.ts';

/**
 * A task's outcome is in its record, so the job of a failed attempt is `done`. Only a run that could not end
 * (because the store failed) rejects.
 */
export const handleTask =
  (ports: Ports): Handler =>
  async (job, signal) => {
    const input = attemptOf(job);
    const id = runIdOf(ports.ids, input.attemptId);
    if (!(await isWanted(ports, input, id))) return;
    try {
      await untilSlot(ports, job, id);
      await ports.sagas.run(runTask, { id, input, subject: input.taskId, signal });
    } catch (error) {
      if (isParked(error)) return await parked(ports, input, id);
      if (isDeferred(error)) throw await waitOf(ports, { job, input, run: id, error });
      if (isStop(error) || !isBerthError(error)) throw error;
      await ports.store.write(async (tx) => {
        const run = await tx.table('sagas').get(id);
        if (run?.state === 'running' || run?.state === 'undoing') throw error;
        // A stuck run can no longer update its task, and one that never started has not done so.
        if (run === undefined || run.state === 'stuck')
          await failTask(tx, ports, { ...input, error: { ...error.body } });
      });
    }
  };

/**
 * A task starts once there is a slot for its sandbox, so waiting tasks cost next to nothing. A follow-up may
 * already have a slot.
 */
const untilSlot = ({ store, slots }: Ports, job: Job, run: string): Promise<void> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(attemptOf(job).taskId);
    const isBegun = (await tx.table('sagas').get(run)) !== undefined;
    if (isBegun || (task?.followUps.length ?? 0) > 0) return;
    // A job with a delayed start has waited only since that start.
    const since = job.error === undefined ? Number.POSITIVE_INFINITY : job.createdAt;
    await slots.assertFree(tx, { purpose: 'attempt', since });
  });

/**
 * A person's decision adds a job of its own once the task waits. A cancel that came before the task waited found
 * nobody to wake, so it is looked for here, whatever the task waits for (as `Deferred` does in `isOver`).
 */
const parked = (ports: Ports, input: AttemptInput, run: string): Promise<void> =>
  ports.store.write(async (tx) => {
    const isCancelled = (await tx.table('sagas').get(run))?.cancelAsked !== undefined;
    if (isCancelled) await wakeTask(ports, tx, input, { verdict: 'cancelled' });
  });

interface Waiting {
  readonly job: Job;
  readonly input: AttemptInput;
  readonly run: string;
  readonly error: Deferred;
}

/** The wait is reported once, and a cancel ends it, too. */
const waitOf = async (ports: Ports, { job, input, run, error: { wait } }: Waiting): Promise<Deferred> => {
  if (job.error?.code !== wait.error.code) await reportWaits(ports, input, wait);
  const isOver: Wait['isOver'] = async (tx) =>
    (await tx.table('sagas').get(run))?.cancelAsked !== undefined || (await wait.isOver(tx));
  return new Deferred({ ...wait, isOver });
};

/**
 * Reports once to the attempt's followers what it waits for; before the attempt has started, `berth doctor`
 * shows it.
 */
const reportWaits = async ({ store }: Ports, { attemptId }: AttemptInput, { error }: Wait): Promise<void> => {
  const attempt = await store.read((tx) => tx.table('attempts').get(attemptId));
  if (attempt !== undefined) await progressed(store, { attemptId, stage: 'waiting', detail: error.message });
};

/** A task cancelled while it waited needs no attempt; a run that has started is continued in any case. */
const isWanted = ({ store }: Ports, { taskId }: AttemptInput, run: string): Promise<boolean> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(taskId);
    return task?.state === 'queued' || (await tx.table('sagas').get(run)) !== undefined;
  });

/**
 * The server died in this job too often, so its run is undone under a new job. If even the undo is given up,
 * it is retried much later: until then it is unknown how the task ended, because it may have landed.
 */
export const taskGivenUp =
  (ports: Ports) =>
  async (tx: Tx, job: Job): Promise<void> => {
    const input = attemptOf(job);
    const goesOn = await turnBack(ports, tx, { job, run: runIdOf(ports.ids, input.attemptId) });
    if (!goesOn) await failTask(tx, ports, { ...input, error: job.error ?? GIVEN_UP });
  };

export const prepareGivenUp =
  (ports: Ports) =>
  async (tx: Tx, job: Job): Promise<void> => {
    const { prebuildId } = prepareOf(job);
    await turnBack(ports, tx, { job, run: ports.ids.from('saga', prebuildId) });
  };

const GIVEN_UP = { code: 'work.crashed', message: 'The server died in this too often.' };
const LATER_MS = 600_000;

/** Returns false if there is nothing to undo. */
const turnBack = async (
  { queue }: Ports,
  tx: Tx,
  { job, run: id }: { readonly job: Job; readonly run: string },
): Promise<boolean> => {
  const run = await tx.table('sagas').get(id);
  if (run?.state !== 'running' && run?.state !== 'undoing') return false;
  const error = job.error ?? GIVEN_UP;
  const isFirst = run.state === 'running' && run.cancelAsked === undefined;
  if (isFirst) await tx.table('sagas').update(id, run.revision, { cancelAsked: error.message, error });
  await queue.add(tx, job.queue, job.data, { key: job.key, delayMs: isFirst ? 0 : LATER_MS });
  return true;
};

export const handlePrepare =
  (ports: Ports): Handler =>
  async (job, signal) => {
    const input = prepareOf(job);
    const id = ports.ids.from('saga', input.prebuildId);
    await ports.sagas.run(prepareWorkspace, { id, input, subject: input.prebuildId, signal });
  };

export const handleBaseline =
  (ports: Ports): Handler =>
  async (job, signal) => {
    await runBaseline(ports, baselineJobOf(job), signal);
  };

export const baselineGivenUp =
  (ports: Ports) =>
  async (tx: Tx, job: Job): Promise<void> => {
    await turnBack(ports, tx, { job, run: baselineJobOf(job).id });
  };

/** Written by `findOrBegin`, the only writer. */
const prepareOf = ({ data }: Job): PrepareInput => data as unknown as PrepareInput;
