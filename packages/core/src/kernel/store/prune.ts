/**
 * Deletes what ended long ago, a few rows per transaction, so that other writers never wait longer than for
 * those. Each row is checked again in the transaction that deletes it, because it may be needed by then.
 */
import type { Store, Tx, Where } from './store.ts';
import type { RowOf, TableName } from './tables.ts';

export interface OldRows<N extends TableName> {
  readonly table: N;
  readonly where?: Where<N> | undefined;
  /** Rows last written before this time. */
  readonly since: number;
  /** Deletes the row and everything that belongs to it, unless it is needed. Returns whether it did. */
  remove(tx: Tx, row: RowOf<N>): Promise<boolean>;
}

/**
 * With what belongs to them (such as the journal of a run) some 200 rows, which SQLite deletes in about 10
 * ms.
 */
const ROWS_PER_TRANSACTION = 10;
const LOOKED_AT_PER_PASS = 5000;

/** Least recently updated first. Returns how many were deleted. */
export const pruneRows = async <N extends TableName>(
  store: Store,
  old: OldRows<N>,
  signal: AbortSignal,
): Promise<number> => {
  let removed = 0;
  for await (const rows of oldRows(store, old, signal))
    removed += await store.write((tx) => takeAll(tx, old.table, rows, old.remove));
  return removed;
};

/** Yields the least recently updated rows, a few at a time, up to the maximum for one pass. */
export async function* oldRows<N extends TableName>(
  store: Store,
  { table, where, since }: Omit<OldRows<N>, 'remove'>,
  signal: AbortSignal,
): AsyncGenerator<readonly RowOf<N>[]> {
  let after: RowOf<N> | undefined;
  for (let looked = 0; looked < LOOKED_AT_PER_PASS; looked += ROWS_PER_TRANSACTION) {
    signal.throwIfAborted();
    const query = { where, since, after, limit: ROWS_PER_TRANSACTION };
    const rows = await store.read((tx) => tx.table(table).untouched(query));
    if (rows.length > 0) yield rows;
    if (rows.length < ROWS_PER_TRANSACTION) return;
    after = rows.at(-1);
  }
}

const takeAll = async <N extends TableName>(
  tx: Tx,
  table: N,
  rows: readonly RowOf<N>[],
  remove: OldRows<N>['remove'],
): Promise<number> => {
  let taken = 0;
  for (const { id, revision } of rows) {
    const row = await tx.table(table).get(id);
    if (row?.revision === revision && (await remove(tx, row))) taken += 1;
  }
  return taken;
};

const BELONGINGS_PER_TRANSACTION = 200;

/** Deletes all rows of a table that belong to something about to be deleted. */
export const removeBelongings = async <N extends TableName>(
  store: Store,
  table: N,
  where: Where<N>,
  signal: AbortSignal,
): Promise<void> => {
  for (let isMore = true; isMore; ) {
    signal.throwIfAborted();
    isMore = await store.write((tx) => removeSome(tx, table, where, BELONGINGS_PER_TRANSACTION));
  }
};

/** Deletes up to a limit in the caller's transaction. True when there may be more. */
export const removeSome = async <N extends TableName>(
  tx: Tx,
  table: N,
  where: Where<N>,
  limit: number,
): Promise<boolean> => {
  const rows = await tx.table(table).list({ where, limit });
  for (const { id } of rows) await tx.table(table).remove(id);
  return rows.length === limit;
};
