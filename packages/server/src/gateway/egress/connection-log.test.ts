import { randomBytes } from 'node:crypto';
import { createIds, type LogFields, type Store, silentLog } from '@berth/core';
import { createManualClock, createMemoryStore } from '@berth/core/testing';
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
  const events = () =>
    store.read((tx) => tx.events({ afterSeq: 0, limit: 1000, type: 'sandbox.egress_denied' }));
  const rows = () => store.read((tx) => tx.table('connections').list({ limit: 5000 }));
  return { connections, said, rows, events, store, clock };
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

const ATTEMPT = `at_${'0'.repeat(20)}`;

const denied = (host: string, over: Partial<ConnectionFact> = {}): ConnectionFact =>
  fact(host, { verdict: 'denied', address: undefined, remedy: `--egress ${host}`, ...over });

test('what a policy denied is told once per host and port, with the attempt it hinders', async () => {
  const { connections, events, store } = world();
  await store.write((tx) =>
    tx.table('sandboxes').insert({
      id: 'sb_1',
      state: 'running',
      purpose: 'attempt',
      attemptId: ATTEMPT,
      driver: 'memory',
      isolation: 'container',
      limits: {},
      egress: { preset: 'none' },
      root: '/workspace',
    }),
  );
  for (const one of [denied('a.test'), denied('a.test'), denied('a.test', { port: 80 })])
    connections.record(one);
  connections.record(denied('private.test', { remedy: undefined }));
  connections.record(fact('b.test'));
  await connections.flush();
  connections.record(denied('a.test'));
  connections.record(denied('a.test', { sandboxId: 'sb_2' }));
  await connections.flush();
  const said = { host: 'a.test', port: 443, reason: 'a package registry', remedy: '--egress a.test' };
  expect((await events()).map(({ subject, data }) => [subject, data])).toEqual([
    ['sb_1', { ...said, attemptId: ATTEMPT }],
    ['sb_1', { ...said, port: 80, attemptId: ATTEMPT }],
    ['sb_2', said],
  ]);
});

test('a program that asks for a thousand hosts fills no log', async () => {
  const { connections, events, rows } = world();
  for (let index = 0; index < 900; index += 1) connections.record(denied(`h${index}.test`));
  await connections.flush();
  expect(await rows()).toHaveLength(900);
  expect(await events()).toHaveLength(20);
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
