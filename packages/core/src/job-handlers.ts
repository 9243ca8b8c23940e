/** What the jobs of the queues do: each runs one saga, by an id that follows from the job, so that again is the same. */
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
import { type AttemptInput, attemptOf, runIdOf } from './workflows/attempt/attempt.ts';
import { failTask } from './workflows/attempt/records.ts';
import { baselineJobOf, runBaseline } from './workflows/landing/baseline.ts';
import { type PrepareInput, prepareWorkspace } from './workflows/prepare-workspace.ts';
import { runTask } from './workflows/run-task.ts';

/**
 * The end of a task is in its record, so an attempt that failed is a job that was done. Only a run that could not come
 * to an end (the store failed) rejects.
 */
export const handleTask =
  (ports: Ports): Handler =>
  async (job, signal) => {
    const input = attemptOf(job);
    const id = runIdOf(ports.ids, input.attemptId);
    if (!(await isWanted(ports, input, id))) return;
    try {
      await untilPlace(ports, job, id);
      await ports.sagas.run(runTask, { id, input, subject: input.taskId, signal });
    } catch (error) {
      // A person's decision comes with a job of its own.
      if (isParked(error)) return;
      if (isDeferred(error)) throw await waitOf(ports, { job, input, run: id, error });
      if (isStop(error) || !isBerthError(error)) throw error;
      await ports.store.write(async (tx) => {
        const run = await tx.table('sagas').get(id);
        if (run?.state === 'running' || run?.state === 'undoing') throw error;
        // A stuck run cannot speak for its task any more, and one that never began says nothing.
        if (run === undefined || run.state === 'stuck')
          await failTask(tx, ports, { ...input, error: { ...error.body } });
      });
    }
  };

/**
 * A task begins when there is a place for its sandbox: those that wait cost next to nothing then. A follow-up may have
 * one already.
 */
const untilPlace = ({ store, places }: Ports, job: Job, run: string): Promise<void> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(attemptOf(job).taskId);
    const isBegun = (await tx.table('sagas').get(run)) !== undefined;
    if (isBegun || (task?.followUps.length ?? 0) > 0) return;
    // What was to begin later has waited only since then.
    const since = job.error === undefined ? Number.POSITIVE_INFINITY : job.createdAt;
    await places.assertFree(tx, { purpose: 'attempt', since });
  });

interface Waiting {
  readonly job: Job;
  readonly input: AttemptInput;
  readonly run: string;
  readonly error: Deferred;
}

/** It is told once, and a cancel ends it as well. */
const waitOf = async (ports: Ports, { job, input, run, error: { wait } }: Waiting): Promise<Deferred> => {
  if (job.error === undefined) await tellWaits(ports, input, wait);
  const isOver: Wait['isOver'] = async (tx) =>
    (await tx.table('sagas').get(run))?.cancelAsked !== undefined || (await wait.isOver(tx));
  return new Deferred({ ...wait, isOver });
};

/** Whoever follows the attempt hears once what it waits for; before it began, `berth doctor` says it. */
const tellWaits = async ({ store }: Ports, { attemptId }: AttemptInput, { error }: Wait): Promise<void> => {
  const attempt = await store.read((tx) => tx.table('attempts').get(attemptId));
  if (attempt !== undefined) await progressed(store, { attemptId, stage: 'waiting', detail: error.message });
};

/** A task that was cancelled while it waited needs no attempt; a run that began is seen through in any case. */
const isWanted = ({ store }: Ports, { taskId }: AttemptInput, run: string): Promise<boolean> =>
  store.read(async (tx) => {
    const task = await tx.table('tasks').get(taskId);
    return task?.state === 'queued' || (await tx.table('sagas').get(run)) !== undefined;
  });

/**
 * The server died in this job too often, so its run is turned back, under a new job. When even the undo is given
 * up, it is tried again much later: until then nobody can say how the task ended, it may have landed.
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

/** False when there is nothing to turn back. */
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

/** Written by `startFrom` and read nowhere else. */
const prepareOf = ({ data }: Job): PrepareInput => data as unknown as PrepareInput;
