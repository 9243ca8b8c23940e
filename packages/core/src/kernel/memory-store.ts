/**
 * The store in memory: the twin of the SQL stores, for tests and the simulation. A commit replaces one immutable
 * moment by the next, so a reader keeps the moment it began with and a rejected write has nothing to take back.
 */
import { type Event, fail } from '@berth/contract';
import type { Clock } from './clock.ts';
import { eventOf, matchesType } from './event-of.ts';
import type { Ids } from './ids.ts';
import { memoryJobs } from './memory-jobs.ts';
import { createDraft, readRecords, records, type Tables } from './memory-records.ts';
import type { EventQuery, ReadTx, Store, Tx } from './store.ts';

export const createMemoryStore = ({ clock, ids }: { clock: Clock; ids: Ids }): Store => {
  let tables: Tables = new Map();
  const log: Event[] = [];
  const listeners = new Set<(events: readonly Event[]) => void>();
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw fail('store.unavailable', { reason: 'it is closed' });
  };

  const commit = async <T>(change: (tx: Tx) => Promise<T>): Promise<T> => {
    assertOpen();
    const draft = createDraft(tables);
    const facts: Event[] = [];
    const jobs = memoryJobs(records(draft, 'jobs', clock));
    const result = await change({
      table: (name) => records(draft, name, clock),
      ...readLog(() => [...log, ...facts]),
      async emit(fact) {
        const seq = log.length + facts.length + 1;
        const event = eventOf(fact, { seq, id: ids.new('event'), at: clock.now() });
        facts.push(event);
        return event;
      },
      jobs,
    });
    tables = draft.tables();
    log.push(...facts);
    for (const listener of [...listeners]) listener(facts);
    return result;
  };

  return {
    async read(look) {
      assertOpen();
      const moment = createDraft(tables);
      const length = log.length;
      return look({
        table: (name) => readRecords(() => moment.rows(name)),
        ...readLog(() => log.slice(0, length)),
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

const readLog = (log: () => readonly Event[]): Pick<ReadTx, 'events' | 'lastSeq'> => ({
  events: async ({ afterSeq, limit, subject, type }: EventQuery) =>
    log()
      .slice(afterSeq)
      .filter((event) => subject === undefined || event.subject === subject)
      .filter((event) => matchesType(event.type, type))
      .slice(0, limit),
  lastSeq: async () => log().length,
});
