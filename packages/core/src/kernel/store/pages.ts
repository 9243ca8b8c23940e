/** Iterates over all matching rows of a table, a page at a time. */
import type { ListQuery, ReadTx, Store } from './store.ts';
import type { RowOf, TableName } from './tables.ts';

export interface AllOf<N extends TableName> extends Omit<ListQuery<N>, 'after' | 'limit'> {
  readonly table: N;
}

export const PAGE_ROWS = 500;

/**
 * Each page is read in its own transaction: rows added meanwhile may appear; rows that existed from the start
 * do.
 */
export async function* pagesOf<N extends TableName>(
  store: Store,
  query: AllOf<N>,
  signal?: AbortSignal,
): AsyncGenerator<readonly RowOf<N>[]> {
  for (let after: string | undefined; ; ) {
    signal?.throwIfAborted();
    const rows = await store.read((tx) => pageOf(tx, query, after));
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)?.id;
  }
}

/**
 * All matching rows in one snapshot, for a decision within one transaction. The caller must know that they
 * are few.
 */
export const allRows = async <N extends TableName>(tx: ReadTx, query: AllOf<N>): Promise<RowOf<N>[]> => {
  const all: RowOf<N>[] = [];
  for (let after: string | undefined; ; ) {
    const rows = await pageOf(tx, query, after);
    all.push(...rows);
    if (rows.length < PAGE_ROWS) return all;
    after = rows.at(-1)?.id;
  }
};

const pageOf = <N extends TableName>(
  tx: ReadTx,
  { table, where, order }: AllOf<N>,
  after: string | undefined,
): Promise<RowOf<N>[]> => tx.table(table).list({ where, order, after, limit: PAGE_ROWS });
