/**
 * Retries a step while that can help. Only the step's own failures are retried, never those of the engine.
 */

import { isRetryable } from '../failure.ts';
import { backoffMs } from '../time/clock.ts';
import { type Run, StepFailed } from './run.ts';

const BASE_MS = 500;

export interface Patience {
  readonly tries: number;
  /** Which failures to retry. */
  readonly when: (cause: unknown) => boolean;
  /** Ends the wait with its reason. */
  readonly signal: AbortSignal;
}

export const retryable = (tries: number, signal: AbortSignal): Patience => ({
  tries,
  when: isRetryable,
  signal,
});

/** After the point of no return, retries every failure for as long as the server runs. */
export const always = (signal: AbortSignal): Patience => ({
  tries: Number.POSITIVE_INFINITY,
  when: () => true,
  signal,
});

export const withRetries = async <P>(
  run: Run<P>,
  { tries, when, signal }: Patience,
  act: () => Promise<void>,
): Promise<void> => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await act();
    } catch (error) {
      const again = error instanceof StepFailed && tried < tries && when(error.cause);
      if (!again) throw error;
      const waitMs = backoffMs(BASE_MS, tried);
      run.log.warn('saga.step_retried', {
        saga: run.id,
        step: error.step,
        tried,
        waitMs,
        error: error.cause,
      });
      await run.clock.sleep(waitMs, signal);
    }
  }
};
