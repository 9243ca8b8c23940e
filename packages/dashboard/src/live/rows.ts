import type { Page } from '@berth/contract';

const PAGE_ROWS = 200;

/** The first rows of a list, page by page. `hasMore` when the list continues after them. */
export const firstRows = async <T>(
  wanted: number,
  read: (page: { after?: string; limit: number }) => Promise<Page<T>>,
): Promise<{ readonly rows: readonly T[]; readonly hasMore: boolean }> => {
  const rows: T[] = [];
  let after: string | undefined;
  while (rows.length < wanted) {
    const limit = Math.min(PAGE_ROWS, wanted - rows.length);
    const page = await read({ limit, ...(after === undefined ? {} : { after }) });
    rows.push(...page.rows);
    after = page.next;
    if (after === undefined) break;
  }
  return { rows, hasMore: after !== undefined };
};
