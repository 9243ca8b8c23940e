/**
 * The store as the core sees it: named tables of records, a log of events and a queue of jobs, changed together in
 * one transaction. Two implementations pass one suite (`laws/store.ts`): the twin in memory and SQLite.
 *
 * MUST: a `write` that rejects leaves no trace: no record, no event, no job, no gap in `seq`. What its callback threw
 *       is what it rejects with.
 * MUST: `seq` be handed out in the transaction, after the newest event of the log; no caller and no process has a count.
 * MUST: a `write` that resolves is durable; its notice is published after that, in the order of `seq`.
 * MUST: writes be serial; a reader sees one moment.
 * MUST NOT: hold a transaction while the outside world is asked for something: callbacks only touch `tx`.
 */
import type { Event, EventType } from '@berth/contract';
import type { Notices } from './notifier.ts';
import type { IndexOf, Job, RowOf, TableName } from './tables.ts';

export interface Store {
  read<T>(look: (tx: ReadTx) => Promise<T>): Promise<T>;
  write<T>(change: (tx: Tx) => Promise<T>): Promise<T>;
  /** Every commit, also one without events, because a record or a job may have changed. */
  readonly notices: Notices;
  /** Rejects with `store.unavailable` when a write would fail now. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadTx {
  table<N extends TableName>(name: N): ReadRecords<N>;
  /** Events after a sequence number, oldest first. */
  events(query: EventQuery): Promise<Event[]>;
  /** The newest sequence number, 0 when there is none. */
  lastSeq(): Promise<number>;
  /** The oldest sequence number that is kept, 0 when there is none. */
  firstSeq(): Promise<number>;
}

export interface Tx extends ReadTx {
  table<N extends TableName>(name: N): Records<N>;
  /** Appends a fact. It becomes visible with the transaction. */
  emit(fact: Fact): Promise<Event>;
  /** Names something that those who listen wake up for, in the notice of this transaction. */
  notify(topic: string): void;
  /** Forgets events from the oldest on, up to the first that is to be kept. Returns how many. */
  forgetEvents(query: ForgetQuery): Promise<number>;
  readonly jobs: JobClaims;
}

export interface Fact {
  readonly type: EventType;
  readonly subject: string;
  readonly causedBy?: string | undefined;
  readonly data: Record<string, unknown>;
}

export interface EventQuery {
  readonly afterSeq: number;
  readonly limit: number;
  readonly subject?: string | undefined;
  /** A type, or all of a noun: `task.*`. */
  readonly type?: string | undefined;
}

/** The newest event is always kept: the next one is numbered after it. */
export interface ForgetQuery {
  /** Events of before this moment go. */
  readonly before: number;
  /** So do those that are more than this many behind the newest. */
  readonly keep: number;
  /** So do those that have more than this many bytes of data between their end and that of the newest. */
  readonly keepBytes: number;
  /** At most so many in one transaction. */
  readonly limit: number;
}

/** Equality on indexed columns; a list means any of these. */
export type Where<N extends TableName> = {
  readonly [C in IndexOf<N>]?: string | readonly string[] | undefined;
};

export interface ListQuery<N extends TableName> {
  readonly where?: Where<N> | undefined;
  /** Rows whose id comes after this one in the chosen order. */
  readonly after?: string | undefined;
  /** 1000 when absent. */
  readonly limit?: number | undefined;
  /** By id, which is by creation. `asc` when absent. */
  readonly order?: 'asc' | 'desc' | undefined;
}

export interface UntouchedQuery<N extends TableName> {
  readonly where?: Where<N> | undefined;
  /** Rows that were last written before this moment. */
  readonly since: number;
  /** Rows that come after this one in that order. */
  readonly after?: { readonly id: string; readonly updatedAt: number } | undefined;
  readonly limit: number;
}

export interface ReadRecords<N extends TableName> {
  get(id: string): Promise<RowOf<N> | undefined>;
  list(query?: ListQuery<N>): Promise<RowOf<N>[]>;
  /** The longest untouched first, then by id. Made for `PRUNED` tables: there it costs what it returns. */
  untouched(query: UntouchedQuery<N>): Promise<RowOf<N>[]>;
  count(where?: Where<N>): Promise<number>;
  /** Counts by the values of one indexed column. */
  countBy(column: IndexOf<N>): Promise<Record<string, number>>;
}

/** What the store itself keeps: `revision` starts at 1 and grows by one with each write. */
type Kept = 'revision' | 'createdAt' | 'updatedAt';

export interface Records<N extends TableName> extends ReadRecords<N> {
  /** Rejects with `record.exists`. */
  insert(row: Omit<RowOf<N>, Kept>): Promise<RowOf<N>>;
  /**
   * Changes the given fields (undefined removes an optional one) when the row still has this revision. Rejects with
   * `record.changed`, or `record.missing`.
   */
  update(id: string, revision: number, patch: Patch<RowOf<N>>): Promise<RowOf<N>>;
  /** False when there was none. */
  remove(id: string): Promise<boolean>;
}

export type Patch<R> = { readonly [K in keyof Omit<R, Kept | 'id'>]?: R[K] | undefined };

export interface JobClaims {
  /**
   * Takes up to `limit` jobs of a queue that are waiting and due, highest priority first, then oldest `runAt`, then
   * id; a job whose `key` is held by an active job of this queue, or by one taken in this call, is passed over. A job
   * that is active under a lease that ran out (`leaseUntil` ≤ now) counts as waiting, with `crashes` grown by one.
   * Each taken job becomes `active`, with `attempts` and `fence` grown by one and the given owner and lease.
   */
  claim(query: {
    readonly queue: string;
    readonly now: number;
    readonly owner: string;
    readonly leaseUntil: number;
    readonly limit: number;
  }): Promise<Job[]>;
  /**
   * The first moment after `now` at which a waiting job of the queue becomes due or a lease in it runs out; undefined
   * when there is none. What is due already does not count: it waits for a free worker or for its key.
   */
  nextDue(queue: string, now: number): Promise<number | undefined>;
}
