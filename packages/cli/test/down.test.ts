import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { afterEach, expect, test, vi } from 'vitest';
import { berth } from './scripted-io.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Ready for as many looks as given, then stopping. */
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
      out: 'no server is running\n',
      err: '',
    });
});

test('an address where nobody listens is no proof that the server of this home has stopped', async () => {
  const home = mkdtempSync(join(tmpdir(), 'berth-down-'));
  writeFileSync(join(home, 'lock'), JSON.stringify({ pid: process.pid }));
  const { exitCode, out, err } = await berth('http://127.0.0.1:1', ['down', '--home', home]);
  expect([exitCode, out]).toEqual([6, '']);
  expect(err).toContain(`the server of ${home} is running (process ${process.pid})`);
  // `berth up` would refuse: the home is held.
  expect(err).toMatch(/\nhint: .*stop that process/);
  rmSync(home, { recursive: true });
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
  expect([exitCode, err]).toEqual([6, expect.stringContaining('it is still running after 30000 ms')]);
});

test('has the server remove every sandbox first', async () => {
  await using server = await startScriptedServer(stopping());
  const ran = await berth(server.address, ['down', '--remove-sandboxes']);
  expect(ran).toEqual({ exitCode: 0, out: 'stopped\n', err: '' });
  expect(server.calls[0]).toMatchObject({ route: 'system.shutdown', input: { removeSandboxes: true } });
});
