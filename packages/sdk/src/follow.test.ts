import type { Event } from '@berth/contract';
import { expect, test } from 'vitest';
import { type Call, startScriptedServer } from '../testing/scripted-server.ts';
import { createClient } from './client.ts';

const idOf = (prefix: string, digit: number) => `${prefix}_${String(digit).repeat(20)}`;
const [task, other] = [idOf('tk', 1), idOf('tk', 2)];

const DENIED = { host: 'example.com', port: 443, reason: 'closed', remedy: '--egress example.com' };
const item = (digit: number) => ({
  ...{ id: idOf('it', digit), turnId: idOf('tn', digit), sessionId: idOf('ss', digit), position: 1 },
  ...{ body: { kind: 'notice', text: 'x' }, revision: 1, createdAt: 1, updatedAt: 1 },
});
const LOG: readonly [type: string, subject: string, data: Event['data']][] = [
  ['task.created', task, {}],
  ['task.created', other, {}],
  ['task.started', task, { from: 'spawning', to: 'running' }],
  ['attempt.progressed', idOf('at', 1), { stage: 'machine' }],
  ['attempt.progressed', idOf('at', 2), { stage: 'machine' }],
  ['item.changed', idOf('it', 1), { item: item(1) }],
  ['item.changed', idOf('it', 2), { item: item(2) }],
  ['sandbox.created', idOf('sb', 1), {}],
  ['sandbox.egress_denied', idOf('sb', 1), { ...DENIED, attemptId: idOf('at', 1) }],
  ['sandbox.egress_denied', idOf('sb', 2), { ...DENIED, attemptId: idOf('at', 2) }],
  ['sandbox.egress_denied', idOf('sb', 3), DENIED],
  ['change.approved', idOf('ch', 1), {}],
  ['change.approved', idOf('ch', 2), {}],
  ['gate.passed', idOf('gr', 1), {}],
  ['gate.passed', idOf('gr', 9), {}],
  ['task.failed', other, { from: 'running', to: 'failed' }],
  ['task.completed', task, { from: 'landing', to: 'completed' }],
  ['task.continued', task, { from: 'completed', to: 'queued' }],
];

const belongsTo = (id: unknown) => (String(id).endsWith('1') ? task : other);

const world = (state: string) => ({
  'system.stats': () => ({ lastSeq: 0 }),
  'task.get': ({ input }: Call) => ({ id: input.id, state }),
  'task.attempts': () => ({ rows: [{ id: idOf('at', 1) }] }),
  'session.get': ({ input }: Call) => ({
    taskId: belongsTo(input.id),
  }),
  'change.get': ({ input }: Call) => ({
    taskId: belongsTo(input.id),
  }),
  'gate.get': () => ({ changeId: idOf('ch', 1) }),
  'event.stream': async function* ({ headers }: Call) {
    for (const [index, [type, subject, data]] of LOG.entries()) {
      const seq = index + 1;
      if (seq <= Number(headers['last-event-id'] ?? 0)) continue;
      yield [String(seq), { seq, id: idOf('ev', 1), type, version: 1, at: 1, subject, data }] as const;
    }
  },
});

const drain = async <T, R>(events: AsyncGenerator<T, R>): Promise<{ seen: T[]; end: R }> => {
  const seen: T[] = [];
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { seen, end: value };
    seen.push(value);
  }
};

test('yields what belongs to the task until it has ended, and returns it', async () => {
  await using server = await startScriptedServer(world('completed'));
  const { seen, end } = await drain(createClient(server).tasks.follow({ id: task, afterSeq: 0 }));
  expect(seen.map(({ type }) => type)).toEqual([
    'task.created',
    'task.started',
    'attempt.progressed',
    'item.changed',
    'sandbox.egress_denied',
    'change.approved',
    'gate.passed',
    'gate.passed',
    'task.completed',
  ]);
  expect(end).toMatchObject({ id: task, state: 'completed' });
});

test('returns at once when the task has ended before', async () => {
  await using server = await startScriptedServer(world('failed'));
  const { seen, end } = await drain(createClient(server).tasks.follow({ id: task }));
  expect([seen, end.state]).toEqual([[], 'failed']);
});
