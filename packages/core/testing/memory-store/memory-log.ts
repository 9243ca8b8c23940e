/**
 * The event log of the in-memory store. Readers keep the snapshot they started with; a transaction works on a
 * draft.
 */
import type { Event } from '@berth/contract';
import { matchesType } from '../../src/kernel/store/event-of.ts';
import type { EventQuery, ForgetQuery, ReadTx } from '../../src/kernel/store/store.ts';

type Log = readonly Event[];

export interface LogDraft extends Pick<ReadTx, 'events' | 'lastSeq' | 'firstSeq'> {
  nextSeq(): number;
  append(event: Event): void;
  forget(query: ForgetQuery): number;
  readonly added: readonly Event[];
  log(): Log;
}

export const readLog = (log: () => Log): Pick<ReadTx, 'events' | 'lastSeq' | 'firstSeq'> => ({
  events: async ({ afterSeq, limit, subject, type }: EventQuery) =>
    log()
      .filter(
        (event) =>
          event.seq > afterSeq &&
          (subject === undefined || event.subject === subject) &&
          matchesType(event.type, type),
      )
      .slice(0, limit),
  lastSeq: async () => log().at(-1)?.seq ?? 0,
  firstSeq: async () => log()[0]?.seq ?? 0,
});

export const draftLog = (base: Log): LogDraft => {
  const added: Event[] = [];
  let forgotten = 0;
  const log = (): Log => (added.length + forgotten === 0 ? base : [...base, ...added].slice(forgotten));
  const lastSeq = (): number => (added.at(-1) ?? base.at(-1))?.seq ?? 0;
  return {
    ...readLog(log),
    added,
    log,
    nextSeq: () => lastSeq() + 1,
    append: (event) => void added.push(event),
    forget({ before, keep, keepBytes, limit }) {
      const last = lastSeq();
      const all = log();
      const due = all.slice(0, limit);
      let laterBytes = all.reduce((sum, event) => sum + bytesOf(event), 0);
      const kept = due.findIndex((event) => {
        laterBytes -= bytesOf(event);
        return (
          event.seq === last || (event.at >= before && event.seq > last - keep && laterBytes < keepBytes)
        );
      });
      const count = kept === -1 ? due.length : kept;
      forgotten += count;
      return count;
    },
  };
};

const bytesOf = ({ data }: Event): number => new TextEncoder().encode(JSON.stringify(data)).length;
