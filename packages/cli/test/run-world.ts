/** A checkout, and a server that works on it by a script: for tests of `berth run`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Call, Script } from '@berth/sdk/scripted-server';
import { afterEach, beforeEach } from 'vitest';

export const idOf = (prefix: string) => `${prefix}_${'1'.repeat(20)}`;
const record = { revision: 1, createdAt: 0, updatedAt: 0 };

export let folder = '';
export let commits: { base: string; merge: string } = { base: '', merge: '' };
export const git = (where: string, ...args: string[]) =>
  execFileSync(
    'git',
    ['-C', join(folder, where), '-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  ).trim();

/** In the file of the tests: a new checkout for each of them. */
export const useCheckout = () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-run-'));
    execFileSync('git', ['init', '-q', '-b', 'main', join(folder, 'shop')]);
    writeFileSync(join(folder, 'shop/a.txt'), 'wrong\n');
    git('shop', 'add', 'a.txt');
    git('shop', 'commit', '-qm', 'one');
    execFileSync('git', ['clone', '-q', '--bare', join(folder, 'shop'), join(folder, 'hub.git')]);
    execFileSync('git', ['clone', '-q', join(folder, 'hub.git'), join(folder, 'work')], { stdio: 'ignore' });
    writeFileSync(join(folder, 'work/a.txt'), 'right\n');
    git('work', 'commit', '-qam', 'two');
    git('work', 'push', '-q', 'origin', 'HEAD:main');
    commits = { base: git('shop', 'rev-parse', 'HEAD'), merge: git('work', 'rev-parse', 'HEAD') };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
};

const item = (digit: number, body: object) => ({
  item: {
    id: `it_${String(digit).repeat(20)}`,
    turnId: idOf('tn'),
    sessionId: idOf('ss'),
    position: digit,
    body,
    ...record,
  },
});

const DENIED = { host: 'example.com', port: 443, reason: 'closed', remedy: '--egress example.com' };

export const LOG: readonly [type: string, subject: string, data: object][] = [
  ['task.claimed', idOf('tk'), { from: 'queued', to: 'spawning' }],
  ['attempt.progressed', idOf('at'), { stage: 'sandbox', detail: 'oci' }],
  ['attempt.progressed', idOf('at'), { stage: 'sandbox', detail: 'oci', durationMs: 1234 }],
  ['item.changed', 'it', item(1, { kind: 'message', role: 'agent', text: 'I' })],
  ['item.changed', 'it', item(1, { kind: 'message', role: 'agent', text: 'I look' })],
  ['item.changed', 'it', item(2, { kind: 'tool', title: 'edit a.txt', status: 'running' })],
  ['item.changed', 'it', item(2, { kind: 'tool', title: 'edit a.txt', status: 'completed' })],
  ['item.changed', 'it', item(3, { kind: 'thought', text: 'hm' })],
  ['sandbox.egress_denied', idOf('sb'), { ...DENIED, attemptId: idOf('at') }],
  ['sandbox.egress_denied', idOf('sb'), { ...DENIED, port: 8443, attemptId: idOf('at') }],
  ['gate.failed', idOf('gr'), { from: 'running', to: 'red' }],
  ['task.sent_back', idOf('tk'), { from: 'verifying', to: 'running' }],
  ['change.merged', idOf('ch'), { from: 'merging', to: 'merged' }],
];

/** A server that does a task on a checkout, to an end such as `completed`. */
export const world = (end: string, more: object = {}): Script => {
  const workspaces: object[] = [];
  const log = [...LOG, [`task.${end}`, idOf('tk'), { from: 'landing', to: end }] as const];
  return {
    'system.stats': () => ({ lastSeq: 0 }),
    'task.check': () => ({ agent: 'opencode', driver: 'oci' }),
    'workspace.list': () => ({ rows: workspaces }),
    'workspace.create': ({ input }) => {
      const repositories = (input.repositories as object[]).map((one) => ({
        branch: 'main',
        ...one,
        hubPath: join(folder, 'hub.git'),
      }));
      workspaces.push({ id: idOf('ws'), ...input, repositories, ...record, createdAt: workspaces.length });
      return workspaces.at(-1);
    },
    'task.create': ({ input }) => ({ id: idOf('tk'), ...input }),
    'task.get': () => ({ id: idOf('tk'), state: end, changeId: idOf('ch'), endedAt: 1, ...more }),
    'task.attempts': () => ({ rows: [{ id: idOf('at'), sessionId: idOf('ss') }] }),
    'task.cancel': () => ({}),
    'session.get': () => ({ taskId: idOf('tk') }),
    'session.items': () => ({ rows: [item(1, { kind: 'message', role: 'agent', text: 'I look' }).item] }),
    'change.list': () => ({
      rows: [
        { createdAt: 1, gateRunId: idOf('gx') },
        { createdAt: 2, gateRunId: idOf('gr') },
      ],
    }),
    'change.get': () => ({
      taskId: idOf('tk'),
      gateRunId: idOf('gr'),
      parts: [{ repository: 'shop', target: 'main', ...commits }],
    }),
    'gate.get': () => ({
      changeId: idOf('ch'),
      state: 'red',
      evidence: [{ name: 'test', exitCode: 1, durationMs: 5, timedOut: false, logTail: 'not ok 1\n' }],
    }),
    'event.stream': async function* ({ headers }: Call) {
      for (const [index, [type, subject, data]] of log.entries()) {
        const seq = index + 1;
        if (seq <= Number(headers['last-event-id'] ?? 0)) continue;
        yield [String(seq), { seq, id: idOf('ev'), type, version: 1, at: 1, subject, data }] as const;
      }
    },
  };
};
