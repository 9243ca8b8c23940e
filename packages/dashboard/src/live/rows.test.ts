import { expect, test } from 'vitest';
import { firstRows } from './rows.ts';

const LIST = Array.from({ length: 450 }, (_, index) => index);

const read = async ({ after = '0', limit }: { after?: string; limit: number }) => {
  const start = Number(after);
  const end = start + limit;
  return { rows: LIST.slice(start, end), ...(end < LIST.length ? { next: String(end) } : {}) };
};

test.each([
  [50, 50, true],
  [250, 250, true],
  [450, 450, false],
  [1000, 450, false],
])('reads %d rows', async (wanted, length, hasMore) => {
  const found = await firstRows(wanted, read);
  expect(found.rows).toEqual(LIST.slice(0, length));
  expect(found.hasMore).toBe(hasMore);
});
