/**
 * Work is interrupted in two ways, and they must not be mixed up. To *cancel* is a decision about the work: it is
 * taken back, and recorded as cancelled. To *stop* is a fact about the server, which goes away for a while: the work
 * is left exactly as it is and goes on at the next start. Both arrive as an aborted signal; the reason tells which.
 */
import { type BerthError, fail, isBerthError } from '@berth/contract';
import type { ReadTx } from './store/store.ts';

/** The reason of a signal that is aborted because the server stops, or because the work went to another worker. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/**
 * Thrown by a step that waits for a person: its run, and those of which it is a step, are left as they are and take no
 * worker. Whoever decides has them taken up again.
 */
export class Parked extends Stopped {
  constructor(what: string) {
    super(`waits for a person: ${what}`);
  }
}

/** A wait that takes no worker. It is in the record of the job, so a restart changes nothing about it. */
export interface Wait {
  /** What is waited for, as the failure that it will be when the wait is given up. */
  readonly error: BerthError;
  /** By which whoever ends the wait finds those that do (`Queue.hasten`). */
  readonly topic: string;
  /** It comes again after this by itself. */
  readonly againMs: number;
  /** Asked in the transaction that lets the worker go: what ended the wait just before is not missed. */
  readonly isOver: (tx: ReadTx) => Promise<boolean>;
}

/**
 * Thrown by work that waits for a moment or for what others do: the runs of which it is a step are left as they are,
 * and their job waits. It is no try that failed.
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

/** The reason of a signal that is aborted because somebody wants the work ended and taken back. */
export const cancelled = (reason: string): BerthError => fail('work.cancelled', { reason });

export interface Interrupts {
  readonly stop: AbortSignal;
  readonly cancel: AbortSignal;
  /** Aborted by either. */
  readonly either: AbortSignal;
  askCancel(error: BerthError): void;
  /** Lets go of the outer signal. */
  release(): void;
}

/** Takes one signal of a caller apart into the two ways. */
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

/** Waits for work or for a signal, whichever comes first. The work goes on when the signal wins. */
export const unlessAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
