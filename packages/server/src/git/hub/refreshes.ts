/**
 * Refreshes from sources without making callers wait long for one that does not answer: a waiting caller occupies a
 * slot that other work needs. A slow source is awaited briefly, one that was silent not at all until it has answered
 * again; its news arrive with a later refresh. Concurrent callers that arrive after a refresh has started share the
 * next one.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Looked {
  readonly answered: boolean;
  /** Why the copy may be behind its source. */
  readonly reason: string | undefined;
}

export type Look = () => Promise<Looked>;

/** Resolves with why the copy may be behind. Rejects as the refresh does, or with the reason of the signal. */
export type Refreshes = (source: string, look: Look, signal?: AbortSignal) => Promise<string | undefined>;

type Reason = Looked['reason'];

interface Asked {
  isSilent: boolean;
  running?: Promise<Reason> | undefined;
  next?: Promise<Reason> | undefined;
}

/** Silent sources that are remembered. One that is forgotten is awaited once more. */
export const MAX_SILENT = 1_000;
const STILL_SILENT = 'it did not answer the last refresh; it is being retried in the background';

export const createRefreshes = (patienceMs: number): Refreshes => {
  const sources = new Map<string, Asked>();

  /** Only what is running, or was silent, is remembered. */
  const sourceOf = (name: string): Asked => {
    const known = sources.get(name);
    if (known !== undefined) return known;
    const idle = [...sources].filter(([, { running, next }]) => running === undefined && next === undefined);
    for (const [index, [other, { isSilent }]] of idle.entries())
      if (!isSilent || index <= idle.length - MAX_SILENT) sources.delete(other);
    const source: Asked = { isSilent: false };
    sources.set(name, source);
    return source;
  };

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
    const source = sourceOf(name);
    const asked = ask(source, look);
    // A refresh without waiters fails silently; the next one gets the same error.
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
      // After the race nobody else handles it.
      late.catch(() => undefined);
    }
  };
};
