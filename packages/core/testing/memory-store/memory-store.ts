/**
 * The in-memory store: the twin of the SQL stores, for tests and the simulation. A commit replaces one
 * immutable snapshot with the next, so readers keep the snapshot they started with and a rejected write
 * leaves nothing to undo.
 */
import { type Event, fail } from '@berth/contract';
import type { Ids } from '../../src/kernel/ids.ts';
import { eventOf } from '../../src/kernel/store/event-of.ts';
import { createLocalNotifier, type Notifier } from '../../src/kernel/store/notifier.ts';
import type { Store, Tx } from '../../src/kernel/store/store.ts';
import type { Clock } from '../../src/kernel/time/clock.ts';
import { memoryJobs } from './memory-jobs.ts';
import { draftLog, readLog } from './memory-log.ts';
import { createDraft, readRecords, records, type Tables } from './memory-records.ts';

export interface MemoryStoreParts {
  readonly clock: Clock;
  readonly ids: Ids;
  /** Receives every commit. Default: a local notifier. */
  readonly notifier?: Notifier | undefined;
}

export const createMemoryStore = (parts: MemoryStoreParts): Store => {
  const { clock, ids, notifier = createLocalNotifier() } = parts;
  let tables: Tables = new Map();
  let log: readonly Event[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw fail('store.unavailable', { reason: 'it is closed' });
  };

  const commit = async <T>(change: (tx: Tx) => Promise<T>): Promise<T> => {
    assertOpen();
    const draft = createDraft(tables);
    const topics = new Set<string>();
    const { added, ...written } = draftLog(log);
    const jobs = memoryJobs(records(draft, 'jobs', clock));
    const result = await change({
      table: (name) => records(draft, name, clock),
      events: written.events,
      lastSeq: written.lastSeq,
      firstSeq: written.firstSeq,
      async emit(fact) {
        const position = { seq: written.nextSeq(), id: ids.new('event'), at: clock.now() };
        const event = eventOf(fact, position);
        written.append(event);
        return event;
      },
      notify: (topic) => void topics.add(topic),
      forgetEvents: async (query) => written.forget(query),
      jobs,
    });
    tables = draft.tables();
    log = written.log();
    notifier.publish({ events: added, topics });
    return result;
  };

  return {
    async read(look) {
      assertOpen();
      const moment = createDraft(tables);
      const events = log;
      return look({
        table: (name) => readRecords(() => moment.rows(name)),
        ...readLog(() => events),
      });
    },
    write(change) {
      const done = last.then(() => commit(change));
      last = Promise.allSettled([done]);
      return done;
    },
    notices: { subscribe: notifier.subscribe },
    check: async () => assertOpen(),
    async close() {
      await last;
      closed = true;
    },
  };
};
