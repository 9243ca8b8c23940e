/** A record or list kept current: read once, and again after every event that affects it. No polling. */
import type { Event } from '@berth/contract';
import { type Client, isBerthError } from '@berth/sdk';
import { useEffect, useEffectEvent, useState } from 'react';
import { coalesced } from './coalesced.ts';
import { useConnection } from './connection.tsx';
import { type Failure, failureOf } from './failure.ts';

export interface Live<T> {
  /** The newest answer; kept when a later read fails. */
  readonly value?: T;
  readonly failure?: Failure;
}

export interface LiveQuery<T> {
  /** A different key is a different query. */
  readonly key: string;
  readonly read: (client: Client, signal: AbortSignal) => Promise<T>;
  /** Whether the event may have changed the answer. */
  readonly concerns: (event: Event) => boolean;
}

export const useLive = <T>({ key, read, concerns }: LiveQuery<T>): Live<T> => {
  const { client, feed, onRefused } = useConnection();
  const [answer, setAnswer] = useState<Live<T>>({});
  const ask = useEffectEvent((signal: AbortSignal) => read(client, signal));
  const isConcerned = useEffectEvent(concerns);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says what `read` asks for.
  useEffect(() => {
    const stop = new AbortController();
    const refresh = coalesced(async () => {
      try {
        const value = await ask(stop.signal);
        if (!stop.signal.aborted) setAnswer({ value });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (isBerthError(error) && error.kind === 'unauthenticated') return onRefused();
        setAnswer((before) => ({ ...before, failure: failureOf(error) }));
      }
    });
    refresh();
    const forget = feed.subscribe((event) => {
      if (isConcerned(event)) refresh();
    });
    // Data read while the stream was down may be stale.
    const forgetStatus = feed.watchStatus(() => {
      if (feed.status() === 'live') refresh();
    });
    return () => {
      stop.abort();
      forget();
      forgetStatus();
    };
  }, [key, feed, onRefused]);
  return answer;
};

/** For `concerns`: any event of these nouns. */
export const ofNouns =
  (...nouns: readonly string[]) =>
  ({ type }: Event): boolean =>
    nouns.includes(type.split('.', 1)[0] ?? '');
