/**
 * The event log. `seq` is one more than the newest event's, not a database sequence: a rolled-back transaction leaves
 * no gap.
 */
import type { Event } from '@berth/contract';
import type { EventQuery, ForgetQuery } from '@berth/core';
import { builder, createShapes, type SqlConnection, type SqlRow } from './connection.ts';

const shapes = createShapes();

export const listEvents = async (connection: SqlConnection, query: EventQuery): Promise<Event[]> => {
  let select = builder.selectFrom('events').selectAll().where('seq', '>', query.afterSeq);
  if (query.subject !== undefined) select = select.where('subject', '=', query.subject);
  if (query.type?.endsWith('.*')) {
    // `task.` ≤ type < `task/`: the noun's events as a range, `/` being the character after the dot.
    const noun = query.type.slice(0, -2);
    select = select.where('type', '>=', `${noun}.`).where('type', '<', `${noun}/`);
  } else if (query.type !== undefined) select = select.where('type', '=', query.type);
  return (await connection.rows(select.orderBy('seq').limit(query.limit).compile())).map(toEvent);
};

export const readLastSeq = (connection: SqlConnection): Promise<number> => readSeq(connection, 'max');
export const readFirstSeq = (connection: SqlConnection): Promise<number> => readSeq(connection, 'min');

const readSeq = async (connection: SqlConnection, end: 'min' | 'max'): Promise<number> => {
  const query = shapes(
    end,
    () =>
      builder
        .selectFrom('events')
        .select((e) => e.fn[end]('seq').as('seq'))
        .compile(),
    [],
  );
  const [row] = await connection.rows(query);
  return Number(row?.seq ?? 0);
};

/** Where the log ends: the newest event, and the total bytes of data of all events ever written. */
export interface LogEnd {
  readonly seq: number;
  readonly totalBytes: number;
}

export const readLogEnd = async (connection: SqlConnection): Promise<LogEnd> => {
  const newest = shapes(
    'end',
    () =>
      builder.selectFrom('events').select(['seq', 'totalBytes']).orderBy('seq', 'desc').limit(1).compile(),
    [1],
  );
  const [row] = await connection.rows(newest);
  return { seq: Number(row?.seq ?? 0), totalBytes: Number(row?.totalBytes ?? 0) };
};

/** Looks no further than the first event that is kept: what is to be deleted is at the start. */
export const forgetEvents = async (
  connection: SqlConnection,
  { before, keep, keepBytes, limit }: ForgetQuery,
  end: LogEnd,
): Promise<number> => {
  const oldest = await connection.rows(
    builder.selectFrom('events').select(['seq', 'at', 'totalBytes']).orderBy('seq').limit(limit).compile(),
  );
  const isKept = ({ seq, at, totalBytes }: SqlRow): boolean =>
    Number(seq) === end.seq ||
    (Number(at) >= before && Number(seq) > end.seq - keep && end.totalBytes - Number(totalBytes) < keepBytes);
  const kept = oldest.findIndex(isKept);
  const through = oldest.at(kept === -1 ? -1 : kept - 1);
  if (kept === 0 || through === undefined) return 0;
  return connection.run(builder.deleteFrom('events').where('seq', '<=', Number(through.seq)).compile());
};

/** Returns where the log ends now. */
export const appendEvent = async (connection: SqlConnection, event: Event, end: LogEnd): Promise<LogEnd> => {
  const data = JSON.stringify(event.data);
  const totalBytes = end.totalBytes + Buffer.byteLength(data);
  const columns = {
    seq: event.seq,
    id: event.id,
    type: event.type,
    version: event.version,
    at: event.at,
    subject: event.subject,
    causedBy: event.causedBy ?? null,
    data,
    totalBytes,
  };
  const query = shapes(
    'append',
    () => builder.insertInto('events').values(columns).compile(),
    Object.values(columns),
  );
  await connection.run(query);
  return { seq: event.seq, totalBytes };
};

/** What `appendEvent` wrote. */
const toEvent = (row: SqlRow): Event => ({
  seq: Number(row.seq),
  id: String(row.id),
  type: String(row.type),
  version: Number(row.version),
  at: Number(row.at),
  subject: String(row.subject),
  ...(row.causedBy === null ? {} : { causedBy: String(row.causedBy) }),
  data: JSON.parse(String(row.data)),
});
