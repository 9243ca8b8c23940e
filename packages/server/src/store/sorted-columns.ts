import type { TableName } from '@berth/core';

/** Numbers that a query sorts or compares by, beyond the columns of `INDEXES`: only the queue needs any. */
export const SORTED_COLUMNS: Partial<Record<TableName, readonly string[]>> = {
  jobs: ['priority', 'runAt', 'leaseUntil'],
};
