/**
 * Records connections off the data path: facts are queued and written in batches. A connection that ends before its
 * batch is one write. The newest of each sandbox are kept. Denials are also reported as an event, because a user may
 * want to allow them.
 */
import type { Clock, Ids, Log, Store, Tx } from '@berth/core';
import type { ConnectionFact } from './admission.ts';
import { createDenials, type Denial } from './denials.ts';

export interface ConnectionLog {
  readonly record: (fact: ConnectionFact) => void;
  /** Flushes the queue. */
  flush(): Promise<void>;
}

export interface ConnectionLogParts {
  readonly store: Store;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
}

const WRITE_AFTER_MS = 250;
/** Queue limit: beyond it the oldest are dropped, and their number is logged. */
const MAX_WAITING = 10_000;
const MAX_KEPT_PER_SANDBOX = 1000;

interface Known {
  readonly id: string;
  revision: number;
}

export const createConnectionLog = ({ store, ids, clock, log }: ConnectionLogParts): ConnectionLog => {
  const rows = new WeakMap<object, Known>();
  let waiting = new Map<object, ConnectionFact>();
  let writing: Promise<void> | undefined;
  const denials = createDenials();

  const write = async (facts: readonly ConnectionFact[]): Promise<void> => {
    const written = await store.write((tx) => writeAll(tx, facts));
    for (const [key, known] of written) rows.set(key, known);
  };

  const writeAll = async (tx: Tx, facts: readonly ConnectionFact[]): Promise<[object, Known][]> => {
    const connections = tx.table('connections');
    const written: [object, Known][] = [];
    for (const { key, ...fact } of facts) {
      const known = rows.get(key);
      const there = known && (await connections.get(known.id));
      const row = there
        ? await connections.update(there.id, there.revision, fact)
        : await connections.insert({ id: ids.new('connection'), ...fact });
      written.push([key, { id: row.id, revision: row.revision }]);
    }
    for (const sandboxId of new Set(facts.map((fact) => fact.sandboxId))) await trim(tx, sandboxId);
    for (const denial of denials.newOf(facts)) await tell(tx, denial);
    return written;
  };

  const flush = async (): Promise<void> => {
    await writing;
    if (waiting.size === 0) return;
    const facts = [...waiting.values()];
    waiting = new Map();
    writing = write(facts).catch((cause: unknown) =>
      log.error('connection.record', { outcome: 'failed', lost: facts.length, cause: String(cause) }),
    );
    await writing;
    writing = undefined;
  };

  const record = (fact: ConnectionFact): void => {
    if (waiting.size === 0) void clock.sleep(WRITE_AFTER_MS).then(flush);
    waiting.set(fact.key, fact);
    const [oldest] = waiting.keys();
    if (waiting.size <= MAX_WAITING || oldest === undefined) return;
    waiting.delete(oldest);
    log.warn('connection.record', { outcome: 'overflow', sandbox: fact.sandboxId });
  };

  return { record, flush };
};

const tell = async (tx: Tx, { sandboxId, host, port, reason, remedy }: Denial): Promise<void> => {
  const attemptId = (await tx.table('sandboxes').get(sandboxId))?.attemptId;
  const data = { host, port, reason, remedy, attemptId };
  await tx.emit({ type: 'sandbox.egress_denied', subject: sandboxId, data });
};

const trim = async (tx: Tx, sandboxId: string): Promise<void> => {
  const connections = tx.table('connections');
  const surplus = (await connections.count({ sandboxId })) - MAX_KEPT_PER_SANDBOX;
  if (surplus <= 0) return;
  for (const { id } of await connections.list({ where: { sandboxId }, limit: surplus }))
    await connections.remove(id);
};
