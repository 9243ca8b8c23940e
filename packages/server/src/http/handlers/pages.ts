/** How records become pages. */
import { fail, type Page } from '@berth/contract';
import { type ListQuery, NOUNS, type RowOf, type Store, type TableName } from '@berth/core';

const PAGE_ROWS = 50;

type PageAsked = { readonly after?: string | undefined; readonly limit?: number | undefined };

/** The newest first; `next` is there when there is more. */
export const pageOfRecords = async <N extends TableName>(
  store: Store,
  table: N,
  { after, limit = PAGE_ROWS }: PageAsked,
  where?: ListQuery<N>['where'],
): Promise<Page<RowOf<N>> & { rows: RowOf<N>[] }> => {
  const query: ListQuery<N> = { where, after, limit: limit + 1, order: 'desc' };
  const rows = await store.read((tx) => tx.table(table).list(query));
  return cut(rows, limit);
};

/** A page of what was sorted already. An `after` that is not there (any more) begins at the start. */
export const pageOfList = <R extends { readonly id: string }>(
  rows: readonly R[],
  { after, limit = PAGE_ROWS }: PageAsked,
): { rows: R[]; next?: string } => {
  const start = rows.findIndex((row) => row.id === after) + 1;
  return cut(rows.slice(start, start + limit + 1), limit);
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
