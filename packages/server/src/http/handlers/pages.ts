/** Pagination of records. */
import { fail, type Page } from '@berth/contract';
import { type ListQuery, NOUNS, type RowOf, type Store, type TableName } from '@berth/core';

const PAGE_ROWS = 50;

type PageQuery = { readonly after?: string | undefined; readonly limit?: number | undefined };

/** Newest first; `next` is present when there are more. */
export const pageOfRecords = <N extends TableName>(
  store: Store,
  table: N,
  page: PageQuery,
  where?: ListQuery<N>['where'],
): Promise<PageOf<N>> => pageOf(store, table, page, { where, order: 'desc' });

/** Oldest first. */
export const pageInOrder = <N extends TableName>(
  store: Store,
  table: N,
  page: PageQuery,
  where?: ListQuery<N>['where'],
): Promise<PageOf<N>> => pageOf(store, table, page, { where, order: 'asc' });

type PageOf<N extends TableName> = Page<RowOf<N>> & { rows: RowOf<N>[] };

const pageOf = async <N extends TableName>(
  store: Store,
  table: N,
  { after, limit = PAGE_ROWS }: PageQuery,
  query: Pick<ListQuery<N>, 'where' | 'order'>,
): Promise<PageOf<N>> => {
  const rows = await store.read((tx) => tx.table(table).list({ ...query, after, limit: limit + 1 }));
  return cut(rows, limit);
};

/** Rejects with `record.missing`. */
export const findRecord = async <N extends TableName>(
  store: Store,
  table: N,
  id: string,
): Promise<RowOf<N>> => {
  const row = await store.read((tx) => tx.table(table).get(id));
  if (row === undefined) throw fail('record.missing', { noun: NOUNS[table], id });
  return row;
};

const cut = <R extends { readonly id: string }>(
  rows: readonly R[],
  limit: number,
): { rows: R[]; next?: string } => {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return rows.length > limit && last !== undefined ? { rows: page, next: last.id } : { rows: page };
};
