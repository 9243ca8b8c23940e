/**
 * The store in memory: the twin of the SQL stores, for tests and the simulation. A commit replaces one immutable
 * moment by the next, so a reader keeps the moment it began with and a rejected write has nothing to take back.
 */
import { type Event, fail } from '@berth/contract';
import type { Ids } from '../ids.ts';
import type { Clock } from '../time/clock.ts';
import { eventOf } from './event-of.ts';
import { memoryJobs } from './memory-jobs.ts';
import { draftLog, readLog } from './memory-log.ts';
import { createDraft, readRecords, records, type Tables } from './memory-records.ts';
import type { Store, Tx } from './store.ts';

export const createMemoryStore = ({ clock, ids }: { clock: Clock; ids: Ids }): Store => {
  let tables: Tables = new Map();
  let log: readonly Event[] = [];
  const listeners = new Set<(events: readonly Event[]) => void>();
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw fail('store.unavailable', { reason: 'it is closed' });
  };

  const commit = async <T>(change: (tx: Tx) => Promise<T>): Promise<T> => {
    assertOpen();
    const draft = createDraft(tables);
    const { added, ...written } = draftLog(log);
    const jobs = memoryJobs(records(draft, 'jobs', clock));
    const result = await change({
      table: (name) => records(draft, name, clock),
      events: written.events,
      lastSeq: written.lastSeq,
      firstSeq: written.firstSeq,
      async emit(fact) {
        const place = { seq: written.nextSeq(), id: ids.new('event'), at: clock.now() };
        const event = eventOf(fact, place);
        written.append(event);
        return event;
      },
      forgetEvents: async (query) => written.forget(query),
      jobs,
    });
    tables = draft.tables();
    log = written.log();
    for (const listener of [...listeners]) listener(added);
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
    subscribe(listener) {
      const own: typeof listener = (events) => listener(events);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    check: async () => assertOpen(),
    async close() {
      await last;
      closed = true;
    },
  };
};
