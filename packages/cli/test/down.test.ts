import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { afterEach, expect, test, vi } from 'vitest';
import { berth } from './scripted-world.ts';

afterEach(() => {
  vi.useRealTimers();
});

const idOf = (digit: number) => `sb_${String(digit).repeat(20)}`;
const removed = (seq: number, subject: string, type = 'sandbox.removed') =>
  [String(seq), { seq, id: `ev_${'1'.repeat(20)}`, type, version: 1, at: 0, subject, data: {} }] as const;

/** Ready for as many looks as given, then on its way out. */
const stopping = (looks = 0, pid = 1): Script => {
  let left = looks;
  return {
    'system.shutdown': () => ({ stopping: true, pid }),
    'system.ready': () => {
      left -= 1;
      if (left < 0) throw fail('store.unavailable', { reason: 'it is closed' });
      return { ready: true, checks: [] };
    },
  };
};

test('waits until the server has stopped', async () => {
  await using server = await startScriptedServer(stopping(2));
  expect(await berth(server.address, ['down'])).toEqual({ exitCode: 0, out: 'stopped\n', err: '' });
  const ready = 'system.ready';
  expect(server.calls.map(({ route }) => route)).toEqual(['system.shutdown', ready, ready, ready]);
});

test('waits for the end of the process, too, when it is the one that holds the home', async () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-down-'));
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    writeFileSync(join(home, 'lock'), JSON.stringify({ pid: child.pid }));
    let looks = 0;
    await using server = await startScriptedServer({
      ...stopping(0, child.pid),
      'system.ready': () => {
        looks += 1;
        if (looks === 3) child.stdin.end();
        throw fail('store.unavailable', { reason: 'it is closed' });
      },
    });
    const ran = await berth(server.address, ['down', '--home', home]);
    expect(ran).toEqual({ exitCode: 0, out: 'stopped\n', err: '' });
    expect(looks).toBeGreaterThanOrEqual(3);
  } finally {
    if (child.kill()) await once(child, 'exit');
    rmSync(home, { recursive: true });
  }
});

test('programs read the state as JSON', async () => {
  await using server = await startScriptedServer(stopping());
  const { out } = await berth(server.address, ['down', '--json']);
  expect(JSON.parse(out)).toEqual({ state: 'stopped' });
});

test('a server that does not run is stopped already', async () => {
  for (const line of [['down'], ['down', '--remove-sandboxes']])
    expect(await berth('http://127.0.0.1:1', line)).toEqual({
      exitCode: 0,
      out: 'no server runs\n',
      err: '',
    });
});

test('a refusal is told', async () => {
  await using server = await startScriptedServer({
    'system.shutdown': () => {
      throw fail('auth.required', {});
    },
  });
  const { exitCode, out } = await berth(server.address, ['down']);
  expect([exitCode, out]).toEqual([3, '']);
});

test('a server that goes on for too long is told', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  await using server = await startScriptedServer({
    'system.shutdown': () => ({ stopping: true }),
    'system.ready': () => {
      vi.setSystemTime(Date.now() + 20_000);
      return { ready: true, checks: [] };
    },
  });
  const { exitCode, err } = await berth(server.address, ['down']);
  expect([exitCode, err]).toEqual([6, expect.stringContaining('it still runs after 30000 ms')]);
});

test('removes every sandbox, page by page, and waits for the last one', async () => {
  await using server = await startScriptedServer({
    ...stopping(),
    'system.stats': () => ({ lastSeq: 9 }),
    'sandbox.list': ({ input }) =>
      input.after === undefined
        ? { rows: [1, 2].map((n) => ({ id: idOf(n), state: 'running' })), next: idOf(2) }
        : {
            rows: [
              { id: idOf(3), state: 'deleting' },
              { id: idOf(4), state: 'destroyed' },
            ],
          },
    'sandbox.remove': ({ input }) => ({ id: input.id, state: 'deleting' }),
    'event.stream': async function* ({ input }) {
      expect(input).toEqual({ afterSeq: 9, type: 'sandbox.*' });
      yield removed(10, idOf(1), 'sandbox.deleting');
      for (const n of [1, 2, 3]) yield removed(10 + n, idOf(n));
      await new Promise(() => undefined);
    },
  });
  const ran = await berth(server.address, ['down', '--remove-sandboxes']);
  expect(ran).toEqual({ exitCode: 0, out: 'stopped\n', err: '' });
  const gone = server.calls.filter(({ route }) => route === 'sandbox.remove');
  expect(gone.map(({ input }) => input.id)).toEqual([idOf(1), idOf(2)]);
});

test('nothing is waited for where there is no sandbox', async () => {
  await using server = await startScriptedServer({
    ...stopping(),
    'system.stats': () => ({ lastSeq: 9 }),
    'sandbox.list': () => ({ rows: [{ id: idOf(1), state: 'destroyed' }] }),
  });
  expect((await berth(server.address, ['down', '--remove-sandboxes'])).exitCode).toBe(0);
  expect(server.calls.map(({ route }) => route)).not.toContain('event.stream');
});
