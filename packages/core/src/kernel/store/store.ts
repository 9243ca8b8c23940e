/**
 * The store as the core sees it: named tables of records, an event log and a job queue, changed together in
 * one transaction. Two implementations pass one suite (`laws/store.ts`): the in-memory twin and SQLite.
 *
 * - A `write` that rejects MUST leave no trace: no record, no event, no job, no gap in `seq`. It rejects
 *   with whatever its callback threw.
 * - `seq` MUST be assigned in the transaction, after the newest event of the log; no caller and no process
 *   keeps a counter.
 * - A `write` that resolves MUST be durable; its notice is published afterwards, in the order of `seq`.
 * - Writes MUST be serialized; a read sees one snapshot.
 * - A transaction MUST NOT be held open during a call to the outside world: callbacks only touch `tx`.
 */
import type { Event, EventType } from '@berth/contract';
import type { Notices } from './notifier.ts';
import type { IndexOf, Job, RowOf, TableName } from './tables.ts';

export interface Store {
  read<T>(look: (tx: ReadTx) => Promise<T>): Promise<T>;
  write<T>(change: (tx: Tx) => Promise<T>): Promise<T>;
  /** Every commit, including those without events, because a record or a job may have changed. */
  readonly notices: Notices;
  /** Rejects with `store.unavailable` if a write would fail now. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface ReadTx {
  table<N extends TableName>(name: N): ReadRecords<N>;
  /** Events after a sequence number, oldest first. */
  events(query: EventQuery): Promise<Event[]>;
  /** The newest sequence number, or 0 if there is none. */
  lastSeq(): Promise<number>;
  /** The oldest sequence number still kept, or 0 if there is none. */
  firstSeq(): Promise<number>;
}

export interface Tx extends ReadTx {
  table<N extends TableName>(name: N): Records<N>;
  /** Appends a fact. It becomes visible when the transaction commits. */
  emit(fact: Fact): Promise<Event>;
  /** Adds a topic to the notice of this transaction, to wake its listeners. */
  notify(topic: string): void;
  /** Deletes events from the oldest up to the first that must be kept. Returns how many. */
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
  /** A type, or all types of a noun: `task.*`. */
  readonly type?: string | undefined;
}

/** The newest event is always kept, because the next one is numbered after it. */
export interface ForgetQuery {
  /** Deletes events older than this time. */
  readonly before: number;
  /** Also deletes events more than this many behind the newest. */
  readonly keep: number;
  /** Also deletes events with more than this many bytes of data between their end and that of the newest. */
  readonly keepBytes: number;
  /** Maximum number deleted in one transaction. */
  readonly limit: number;
}

/** Equality on indexed columns; a list matches any of its values. */
export type Where<N extends TableName> = {
  readonly [C in IndexOf<N>]?: string | readonly string[] | undefined;
};

export interface ListQuery<N extends TableName> {
  readonly where?: Where<N> | undefined;
  /** Rows whose id comes after this one in the chosen order. */
  readonly after?: string | undefined;
  /** Default: 1000. */
  readonly limit?: number | undefined;
  /** By id, which is creation order. Default: `asc`. */
  readonly order?: 'asc' | 'desc' | undefined;
}

export interface UntouchedQuery<N extends TableName> {
  readonly where?: Where<N> | undefined;
  /** Rows last written before this time. */
  readonly since: number;
  /** Rows that come after this one in the same order. */
  readonly after?: { readonly id: string; readonly updatedAt: number } | undefined;
  readonly limit: number;
}

export interface ReadRecords<N extends TableName> {
  get(id: string): Promise<RowOf<N> | undefined>;
  list(query?: ListQuery<N>): Promise<RowOf<N>[]>;
  /**
   * Least recently updated first, then by id. Intended for `PRUNED` tables, where the cost is proportional to
   * the rows returned.
   */
  untouched(query: UntouchedQuery<N>): Promise<RowOf<N>[]>;
  count(where?: Where<N>): Promise<number>;
  /** Counts per value of one indexed column. */
  countBy(column: IndexOf<N>): Promise<Record<string, number>>;
}

/** Fields that the store maintains: `revision` starts at 1 and grows by one with each write. */
type Kept = 'revision' | 'createdAt' | 'updatedAt';

export interface Records<N extends TableName> extends ReadRecords<N> {
  /** Rejects with `record.exists`. */
  insert(row: Omit<RowOf<N>, Kept>): Promise<RowOf<N>>;
  /**
   * Changes the given fields (undefined removes an optional one) if the row still has this revision. Rejects
   * with `record.changed` or `record.missing`.
   */
  update(id: string, revision: number, patch: Patch<RowOf<N>>): Promise<RowOf<N>>;
  /** False if there was no such row. */
  remove(id: string): Promise<boolean>;
}

export type Patch<R> = { readonly [K in keyof Omit<R, Kept | 'id'>]?: R[K] | undefined };

export interface JobClaims {
  /**
   * Takes up to `limit` jobs of a queue that are waiting and due, by highest priority, then oldest `runAt`,
   * then id. Skips a job whose `key` is held by an active job of this queue or by one taken in this call. An
   * active job whose lease has expired (`leaseUntil` ≤ now) counts as waiting, with `crashes` incremented.
   * Each job taken becomes `active`, with `attempts` and `fence` incremented and the given owner and lease.
   */
  claim(query: {
    readonly queue: string;
    readonly now: number;
    readonly owner: string;
    readonly leaseUntil: number;
    readonly limit: number;
  }): Promise<Job[]>;
  /**
   * The first moment after `now` at which a waiting job of the queue becomes due or one of its leases
   * expires; undefined if there is none. Jobs already due do not count: they wait for a free worker or for
   * their key.
   */
  nextDue(queue: string, now: number): Promise<number | undefined>;
}
