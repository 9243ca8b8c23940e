/** Tables of the in-memory store. A snapshot is immutable: a transaction copies the tables it writes. */
import { fail } from '@berth/contract';
import { toJson } from '../../src/kernel/json.ts';
import { NOUNS } from '../../src/kernel/store/nouns.ts';
import type {
  ListQuery,
  Patch,
  ReadRecords,
  Records,
  UntouchedQuery,
  Where,
} from '../../src/kernel/store/store.ts';
import type { IndexOf, RowOf, TableName } from '../../src/kernel/store/tables.ts';
import type { Clock } from '../../src/kernel/time/clock.ts';

export interface Row {
  readonly id: string;
  readonly revision: number;
  readonly updatedAt: number;
  readonly [column: string]: unknown;
}
export type Rows = ReadonlyMap<string, Row>;
export type Tables = ReadonlyMap<TableName, Rows>;

/** The tables as a transaction sees them. */
export interface Draft {
  rows(name: TableName): Rows;
  put(name: TableName, row: Row): void;
  remove(name: TableName, id: string): boolean;
  tables(): Tables;
}

export const createDraft = (base: Tables): Draft => {
  const copies = new Map<TableName, Map<string, Row>>();
  const rows = (name: TableName): Rows => copies.get(name) ?? base.get(name) ?? new Map<string, Row>();
  const writable = (name: TableName): Map<string, Row> => {
    const copy = copies.get(name) ?? new Map(rows(name));
    copies.set(name, copy);
    return copy;
  };
  return {
    rows,
    put: (name, row) => void writable(name).set(row.id, row),
    remove: (name, id) => writable(name).delete(id),
    tables: () => new Map([...base, ...copies]),
  };
};

const DEFAULT_LIMIT = 1000;

export const readRecords = <N extends TableName>(rows: () => Rows): ReadRecords<N> => ({
  // `insert` accepted it as a row of this table, so it can be returned as one; the same applies below.
  get: async (id) => rows().get(id) as RowOf<N> | undefined,
  list: async (query = {}) => listed(rows(), query) as unknown as RowOf<N>[],
  untouched: async (query) => untouched(rows(), query) as unknown as RowOf<N>[],
  count: async (where) => [...rows().values()].filter(matching(where)).length,
  countBy: async (column) => {
    const counts: Record<string, number> = {};
    for (const row of rows().values()) {
      const value = row[column];
      if (typeof value === 'string') counts[value] = (counts[value] ?? 0) + 1;
    }
    return counts;
  },
});

export const records = <N extends TableName>(draft: Draft, name: N, clock: Clock): Records<N> => {
  const noun = NOUNS[name];
  const put = (row: Readonly<Record<string, unknown>>): RowOf<N> => {
    const kept = deepFreeze(toJson(row, noun)) as unknown as Row;
    draft.put(name, kept);
    return kept as unknown as RowOf<N>;
  };
  return {
    ...readRecords<N>(() => draft.rows(name)),
    async insert(row) {
      if (draft.rows(name).has(row.id)) throw fail('record.exists', { noun, id: row.id });
      const now = clock.now();
      return put({ ...row, revision: 1, createdAt: now, updatedAt: now });
    },
    async update(id, revision, patch: Patch<RowOf<N>>) {
      const row = draft.rows(name).get(id);
      if (row === undefined) throw fail('record.missing', { noun, id });
      if (row.revision !== revision) throw fail('record.changed', { noun, id });
      return put({ ...row, ...patch, revision: revision + 1, updatedAt: clock.now() });
    },
    remove: async (id) => draft.remove(name, id),
  };
};

const listed = <N extends TableName>(rows: Rows, query: ListQuery<N>): Row[] => {
  const { after, limit = DEFAULT_LIMIT, order = 'asc' } = query;
  const direction = order === 'asc' ? 1 : -1;
  return [...rows.values()]
    .filter(matching(query.where))
    .filter((row) => after === undefined || compare(row.id, after) * direction > 0)
    .sort((a, b) => compare(a.id, b.id) * direction)
    .slice(0, limit);
};

const untouched = <N extends TableName>(rows: Rows, query: UntouchedQuery<N>): Row[] => {
  const { after, limit } = query;
  return [...rows.values()]
    .filter((row) => row.updatedAt < query.since)
    .filter(matching(query.where))
    .filter((row) => after === undefined || byAge(row, after) > 0)
    .sort(byAge)
    .slice(0, limit);
};

type Aged = Pick<Row, 'id' | 'updatedAt'>;
const byAge = (a: Aged, b: Aged): number => a.updatedAt - b.updatedAt || compare(a.id, b.id);

const matching =
  <N extends TableName>(where: Where<N> = {}) =>
  (row: Row): boolean =>
    Object.entries<string | readonly string[] | undefined>(where).every(
      ([column, wanted]) =>
        wanted === undefined || [wanted].flat().includes(String(row[column as IndexOf<N>])),
    );

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
};
