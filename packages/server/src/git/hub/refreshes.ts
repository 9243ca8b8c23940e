/**
 * Asks sources for what is new, and lets nobody wait long for one that does not answer: whoever waits holds a place
 * that the work of others needs. A source that is slow is waited for a little, one that was silent not at all until it
 * has answered again; what it has to say comes with a later look. Of those who ask at the same time, all that came
 * after a look began share the next one.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Looked {
  readonly answered: boolean;
  /** Why the copy may be behind its source. */
  readonly reason: string | undefined;
}

export type Look = () => Promise<Looked>;

/** Resolves with why the copy may be behind. Rejects as the look does, or with the reason of the signal. */
export type Refreshes = (source: string, look: Look, signal?: AbortSignal) => Promise<string | undefined>;

type Reason = Looked['reason'];

interface Asked {
  isSilent: boolean;
  running?: Promise<Reason> | undefined;
  next?: Promise<Reason> | undefined;
}

const STILL_SILENT = 'it did not answer when it was asked before; it is asked again, and nobody waits for it';

export const createRefreshes = (patienceMs: number): Refreshes => {
  const sources = new Map<string, Asked>();

  const ask = (source: Asked, look: Look): Promise<Reason> => {
    if (source.running === undefined) {
      source.running = look()
        .then(({ answered, reason }) => {
          source.isSilent = !answered;
          return reason;
        })
        .finally(() => {
          source.running = undefined;
        });
      return source.running;
    }
    const again = (): Promise<Reason> => {
      source.next = undefined;
      return ask(source, look);
    };
    source.next ??= source.running.then(again, again);
    return source.next;
  };

  return async (name, look, signal) => {
    const source = sources.get(name) ?? { isSilent: false };
    sources.set(name, source);
    const asked = ask(source, look);
    // One that nobody waits for any more fails unheard; the next look meets the same trouble.
    asked.catch(() => undefined);
    if (source.isSilent) return STILL_SILENT;
    const patience = new AbortController();
    const either = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
    const late = delay(patienceMs, undefined, { signal: either }).then(
      () => {
        source.isSilent = true;
        return `it did not answer within ${patienceMs} ms`;
      },
      () => {
        signal?.throwIfAborted();
        return undefined;
      },
    );
    try {
      return await Promise.race([asked, late]);
    } finally {
      patience.abort();
      // After the end of the race nobody else hears of it.
      late.catch(() => undefined);
    }
  };
};
