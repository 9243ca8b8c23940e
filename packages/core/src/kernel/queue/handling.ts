/** Handles one claimed job: runs its handler and records the outcome. */
import { fail } from '@berth/contract';
import { isDeferred } from '../interrupt.ts';
import type { Log } from '../log.ts';
import type { Patch, Store, Tx } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import type { Clock } from '../time/clock.ts';
import { isGivenUp } from './crash-count.ts';
import { type Ending, hastened, outcomeOf } from './outcome.ts';

/** MUST be safe to call again with the same job: a crash may follow its last effect. */
export type Handler = (job: Job, signal: AbortSignal) => Promise<unknown>;

export interface HandlingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly handler: Handler;
  readonly onGivenUp: ((tx: Tx, job: Job) => Promise<unknown>) | undefined;
}

/** Never rejects. If the outcome cannot be recorded, the lease expires and the job is picked up again. */
export const handleJob = async (deps: HandlingDeps, job: Job, signal: AbortSignal): Promise<void> => {
  const { clock, log } = deps;
  const fields = { queue: job.queue, job: job.id, attempt: job.attempts };
  const startedAt = clock.now();
  try {
    const isOver = isGivenUp(job);
    const ending = isOver ? crashed(job) : await endingOf(deps.handler, job, signal);
    const end = await settle(deps, job, { ending, isGivenUp: isOver });
    const error = ending.kind === 'rejected' ? ending.error : undefined;
    log.info(`job.${end}`, { ...fields, durationMs: clock.now() - startedAt, error });
  } catch (error) {
    log.error('job.not_settled', { ...fields, error });
  }
};

/** Enforces the fence: returns false and writes nothing if the job has been claimed again since. */
export const updateHeld = async (tx: Tx, job: Job, patch: Patch<Job>): Promise<boolean> => {
  const row = await tx.table('jobs').get(job.id);
  if (row?.state !== 'active' || row.fence !== job.fence) return false;
  await tx.table('jobs').update(job.id, row.revision, patch);
  return true;
};

const endingOf = async (handler: Handler, job: Job, signal: AbortSignal): Promise<Ending> => {
  try {
    signal.throwIfAborted();
    await handler(job, signal);
    return { kind: 'resolved' };
  } catch (error) {
    return { kind: 'rejected', error, signal };
  }
};

const isWaitOver = async (tx: Tx, ending: Ending): Promise<boolean> =>
  ending.kind === 'rejected' && isDeferred(ending.error) && ending.error.wait.isOver(tx);

const crashed = ({ id, crashes, earlyDeaths = 0 }: Job): Ending => ({
  kind: 'rejected',
  error: fail('work.crashed', { job: id, crashes: Math.max(crashes, earlyDeaths) }),
  signal: new AbortController().signal,
});

const settle = (
  { store, clock, onGivenUp }: HandlingDeps,
  job: Job,
  { ending, isGivenUp }: { ending: Ending; isGivenUp: boolean },
): Promise<string> => {
  const outcome = outcomeOf(job, ending, clock.now());
  return store.write(async (tx) => {
    const isOver = outcome.waitsFor !== undefined && (await isWaitOver(tx, ending));
    if (!(await updateHeld(tx, job, isOver ? { ...outcome, ...hastened(job) } : outcome))) return 'lost';
    // Pass the reason for giving up, not the error of the last attempt or what it waited for.
    if (isGivenUp) await onGivenUp?.(tx, { ...job, error: outcome.error });
    return outcome.state;
  });
};
