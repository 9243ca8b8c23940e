/**
 * Announces the commits of a store to those who wait for them. The one below serves a single process; one
 * that spans processes (over Redis or PostgreSQL) carries `seq` and the topics, and its receivers read the
 * events from the log. All of them pass one suite (`laws/notifier.ts`).
 *
 * - Every listener, in every process, MUST receive every notice published from then on, once, with events
 *   in the order of `seq`.
 * - A listener that throws, or a process that cannot be reached, MUST NOT affect the publisher: the commit
 *   is done.
 *
 * A notice only shortens a wait and is never the source of truth: whoever waits also polls.
 */
import type { Event } from '@berth/contract';
import { type Log, silentLog } from '../log.ts';

/** One commit. */
export interface Notice {
  /** The events of the commit, by `seq`; empty when only records changed. */
  readonly events: readonly Event[];
  /** The topics named by `Tx.notify`. */
  readonly topics: ReadonlySet<string>;
}

export type NoticeListener = (notice: Notice) => void;

export interface Notifier {
  /** Called by the store once a commit is durable, one commit at a time. */
  publish(notice: Notice): void;
  /** Returns a function that unsubscribes. */
  subscribe(listener: NoticeListener): () => void;
}

/** The notifier for those who only listen. */
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
