/**
 * How the commits of a store become known to those who wait for them. The one below is for a single process; one between
 * processes (a channel of Redis or PostgreSQL) carries `seq` and the topics, and its other ends read the events from the
 * log. All of them pass one suite (`laws/notifier.ts`).
 *
 * MUST: whoever listens, at whatever end, hears every notice that is published from then on, once, and events in the
 *       order of `seq`.
 * MUST NOT: a listener that throws, or an end that cannot be reached, be noticed by who published: the commit is done.
 *
 * A notice shortens a wait and is never what makes something true: who waits also looks again by time.
 */
import type { Event } from '@berth/contract';
import { type Log, silentLog } from '../log.ts';

/** One commit. */
export interface Notice {
  /** Its events, by `seq`; none when it changed records alone. */
  readonly events: readonly Event[];
  /** What was named in it by `Tx.notify`. */
  readonly topics: ReadonlySet<string>;
}

export type NoticeListener = (notice: Notice) => void;

export interface Notifier {
  /** Called by the store when a commit is durable, one after the other. */
  publish(notice: Notice): void;
  /** Returns what ends it. */
  subscribe(listener: NoticeListener): () => void;
}

/** What those get who only listen. */
export type Notices = Pick<Notifier, 'subscribe'>;

export const createLocalNotifier = (log: Log = silentLog): Notifier => {
  const listeners = new Set<{ readonly hear: NoticeListener }>();
  return {
    publish(notice) {
      for (const { hear } of [...listeners]) {
        try {
          hear(notice);
        } catch (error) {
          log.error('notice.not_heard', { error });
        }
      }
    },
    subscribe(hear) {
      const own = { hear };
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
};
