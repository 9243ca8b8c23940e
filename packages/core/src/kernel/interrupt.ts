/**
 * Work is interrupted in one of two ways, which must not be confused. *Cancelling* is a decision about the
 * work: it is undone and recorded as cancelled. *Stopping* is about the server, which is shutting down: the
 * work is left exactly as it is and continues after the next start. Both arrive as an aborted signal; the
 * reason tells them apart.
 */
import { type BerthError, fail, isBerthError } from '@berth/contract';
import type { ReadTx } from './store/store.ts';

/** The abort reason when the server shuts down or the work has moved to another worker. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/**
 * Thrown by a step that waits for a person. Its run and any parent runs stay as they are and occupy no
 * worker. Whoever decides must resume them.
 */
export class Parked extends Stopped {
  constructor(what: string) {
    super(`waits for a person: ${what}`);
  }
}

/** A wait that occupies no worker. It is stored with the job, so it survives a restart. */
export interface Wait {
  /** What is being waited for, as the error to fail with if the wait is abandoned. */
  readonly error: BerthError;
  /** Identifies the waiting jobs to whoever ends the wait (see `Queue.hasten`). */
  readonly topic: string;
  /** The job runs again after this delay even if nothing ends the wait. */
  readonly againMs: number;
  /**
   * Checked in the transaction that releases the worker, so that a wait that ended just before is not missed.
   */
  readonly isOver: (tx: ReadTx) => Promise<boolean>;
}

/**
 * Thrown by work that waits for a point in time or for other work. The runs it is a step of stay as they are,
 * and their job waits. It does not count as a failed attempt.
 */
export class Deferred extends Stopped {
  readonly wait: Wait;

  constructor(wait: Wait) {
    super(`waits: ${wait.error.message}`);
    this.wait = wait;
  }
}

export const isDeferred = (reason: unknown): reason is Deferred => reason instanceof Deferred;

export const isParked = (reason: unknown): reason is Parked => reason instanceof Parked;

export const isStop = (reason: unknown): reason is Stopped => reason instanceof Stopped;

/** The abort reason when somebody wants the work ended and undone. */
export const cancelled = (reason: string): BerthError => fail('work.cancelled', { reason });

export interface Interrupts {
  readonly stop: AbortSignal;
  readonly cancel: AbortSignal;
  /** Aborted when either of the other two is. */
  readonly either: AbortSignal;
  askCancel(error: BerthError): void;
  /** Removes the listener from the outer signal. */
  release(): void;
}

/** Splits a caller's signal into stop and cancel. */
export const createInterrupts = (outer: AbortSignal | undefined): Interrupts => {
  const stop = new AbortController();
  const cancel = new AbortController();
  const pass = (): void => {
    const reason: unknown = outer?.reason;
    if (isStop(reason)) stop.abort(reason);
    else cancel.abort(isCancel(reason) ? reason : cancelled('the caller disconnected'));
  };
  if (outer?.aborted) pass();
  else outer?.addEventListener('abort', pass, { once: true });
  return {
    stop: stop.signal,
    cancel: cancel.signal,
    either: AbortSignal.any([stop.signal, cancel.signal]),
    askCancel: (error) => cancel.abort(error),
    release: () => outer?.removeEventListener('abort', pass),
  };
};

const isCancel = (reason: unknown): reason is BerthError =>
  isBerthError(reason) && reason.code === 'work.cancelled';

/** Resolves with the work, or rejects when the signal aborts first. The work itself keeps running. */
export const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
