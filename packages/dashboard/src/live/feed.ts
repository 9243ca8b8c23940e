/**
 * One stream of events for the whole page. It starts at the current end of the log; a component that reads records
 * afterwards and listens misses nothing. When the connection is lost it reconnects from the last event seen.
 */
import type { Event } from '@berth/contract';
import { type Client, isBerthError } from '@berth/sdk';

export type FeedStatus = 'connecting' | 'live' | 'lost';

export interface Feed {
  /** Follows the log until the signal is aborted or the token is rejected. */
  run(signal: AbortSignal): Promise<void>;
  subscribe(reader: (event: Event) => void): () => void;
  status(): FeedStatus;
  watchStatus(onChange: () => void): () => void;
}

export interface FeedOptions {
  readonly client: Pick<Client, 'system' | 'events'>;
  readonly onRefused: () => void;
  readonly retryMs?: number;
}

const RETRY_MS = 3000;

export const createFeed = ({ client, onRefused, retryMs = RETRY_MS }: FeedOptions): Feed => {
  const readers = new Set<(event: Event) => void>();
  const watchers = new Set<() => void>();
  let status: FeedStatus = 'connecting';
  let seen = Number.POSITIVE_INFINITY;

  const become = (next: FeedStatus) => {
    if (next === status) return;
    status = next;
    for (const watcher of watchers) watcher();
  };
  const follow = async (signal: AbortSignal) => {
    const { lastSeq } = await client.system.stats({}, { signal });
    // Lower than the last one seen: another installation now answers at this address.
    seen = Math.min(seen, lastSeq);
    become('live');
    for await (const event of client.events.stream({ afterSeq: seen }, { signal })) {
      seen = event.seq;
      for (const reader of readers) reader(event);
    }
  };

  return {
    async run(signal) {
      while (!signal.aborted) {
        try {
          await follow(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (isBerthError(error) && error.kind === 'unauthenticated') return onRefused();
        }
        become('lost');
        await pause(retryMs, signal);
      }
    },
    subscribe: (reader) => enter(readers, reader),
    status: () => status,
    watchStatus: (onChange) => enter(watchers, onChange),
  };
};

const enter = <T>(set: Set<T>, member: T) => {
  set.add(member);
  return () => void set.delete(member);
};

/** Ends early, and quietly, with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
