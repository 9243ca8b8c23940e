/**
 * Decides the state of a job once its handler has ended. The first matching row applies:
 *
 * | the handler …                                    | the job becomes                                         |
 * |--------------------------------------------------|---------------------------------------------------------|
 * | resolved                                         | `done`                                                  |
 * | rejected after the server began to stop          | `waiting`; no attempt is counted                        |
 * | rejected with `work.cancelled`                   | `cancelled`                                             |
 * | rejected after it was cancelled                  | `cancelled`                                             |
 * | rejected with `Deferred`                         | `waiting`, with reason and topic; no attempt is counted |
 * | rejected with a retryable kind and attempts left | `waiting`, until the back-off has passed                |
 * | rejected otherwise                               | `failed`                                                |
 */
import { isBerthError } from '@berth/contract';
import { bodyOf, failureOf, isRetryable } from '../failure.ts';
import { isDeferred, isStop } from '../interrupt.ts';
import type { Patch } from '../store/store.ts';
import type { Job } from '../store/tables.ts';
import { backoffMs } from '../time/clock.ts';

export type Ending =
  | { readonly kind: 'resolved' }
  | { readonly kind: 'rejected'; readonly error: unknown; readonly signal: AbortSignal };

export type Outcome = Patch<Job> & { readonly state: Job['state'] };

export const outcomeOf = (job: Job, ending: Ending, now: number): Outcome => {
  if (ending.kind === 'resolved') return { ...FREE, state: 'done' };
  const { signal } = ending;
  if (isStop(signal.reason)) return { ...FREE, state: 'waiting', attempts: job.attempts - 1 };
  if (isDeferred(ending.error) && !signal.aborted) {
    const { error, againMs, topic } = ending.error.wait;
    const attempts = job.attempts - 1;
    const wait = { waitsFor: topic, runAt: now + againMs };
    return { ...FREE, ...wait, state: 'waiting', attempts, error: bodyOf(error) };
  }
  const isCancelled = signal.aborted || isCancel(ending.error);
  const thrown: unknown = signal.aborted ? signal.reason : ending.error;
  const error = bodyOf(failureOf(thrown, job.id));
  if (isCancelled) return { ...FREE, state: 'cancelled', error };
  const tried = job.attempts - job.crashes;
  if (!isRetryable(thrown) || tried >= job.maxAttempts) return { ...FREE, state: 'failed', error };
  return { ...FREE, state: 'waiting', error, runAt: now + backoffMs(job.backoffMs, tried) };
};

/** Held by no worker. */
export const FREE = { owner: undefined, leaseUntil: undefined, waitsFor: undefined } as const;

/** Due immediately, ahead of jobs created later. */
export const hastened = ({ createdAt }: Job) => ({ waitsFor: undefined, runAt: createdAt });

const isCancel = (error: unknown): boolean => isBerthError(error) && error.code === 'work.cancelled';
