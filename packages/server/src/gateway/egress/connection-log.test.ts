import { randomBytes } from 'node:crypto';
import {
  createIds,
  createManualClock,
  createMemoryStore,
  type LogFields,
  type Store,
  silentLog,
} from '@berth/core';
import { expect, test } from 'vitest';
import type { ConnectionFact } from './admission.ts';
import { createConnectionLog } from './connection-log.ts';

const world = (patch: Partial<Store> = {}) => {
  const clock = createManualClock();
  const ids = createIds(clock, (bytes) => randomBytes(bytes));
  const store = createMemoryStore({ clock, ids });
  const said: [string, unknown][] = [];
  const say = (event: string, fields: LogFields): void => void said.push([event, fields.outcome]);
  const log = { ...silentLog, warn: say, error: say };
  const connections = createConnectionLog({ store: { ...store, ...patch }, ids, clock, log });
  const rows = () => store.read((tx) => tx.table('connections').list({ limit: 5000 }));
  return { connections, said, rows, clock };
};

const fact = (host: string, over: Partial<ConnectionFact> = {}): ConnectionFact => ({
  key: {},
  sandboxId: 'sb_1',
  host,
  port: 443,
  verdict: 'allowed',
  reason: 'a package registry',
  address: '192.0.2.1',
  sentBytes: 0,
  receivedBytes: 0,
  ...over,
});

test('a connection is one row: written when it is decided, completed when it has ended', async () => {
  const { connections, rows } = world();
  const open = fact('a.test');
  connections.record(open);
  await connections.flush();
  expect(await rows()).toMatchObject([{ host: 'a.test', sentBytes: 0, verdict: 'allowed' }]);
  connections.record({ ...open, sentBytes: 7 });
  connections.record({ ...open, sentBytes: 9, receivedBytes: 8 });
  connections.record(fact('b.test', { verdict: 'denied', address: undefined }));
  await connections.flush();
  expect(await rows()).toMatchObject([
    { host: 'a.test', sentBytes: 9, receivedBytes: 8 },
    { host: 'b.test', verdict: 'denied' },
  ]);
});

test('a sandbox keeps its newest 1000 rows, others theirs', async () => {
  const { connections, rows } = world();
  connections.record(fact('other.test', { sandboxId: 'sb_2' }));
  for (let index = 0; index < 1005; index += 1) connections.record(fact(`h${index}.test`));
  await connections.flush();
  const hosts = (await rows()).map(({ host }) => host);
  expect(hosts).toHaveLength(1001);
  expect(hosts).toContain('other.test');
  expect(hosts).toContain('h1004.test');
  expect(hosts).not.toContain('h4.test');
});

test('what a slow or broken store costs is said, and never thrown at the connection', async () => {
  const { connections, said } = world({ write: () => Promise.reject(new Error('disk')) });
  for (let index = 0; index <= 10_000; index += 1) connections.record(fact('a.test'));
  await connections.flush();
  expect(said).toEqual([
    ['connection.record', 'overflow'],
    ['connection.record', 'failed'],
  ]);
});
