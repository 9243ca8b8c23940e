/** The real server, started as users start it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runCommandLine } from '../src/program.ts';
import { createWorld } from './scripted-io.ts';

const bin = fileURLToPath(new URL('../bin/berth.js', import.meta.url));
let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-up-'));
});
afterEach(async () => {
  await stopServer();
  rmSync(home, { recursive: true, force: true });
});

/** The lock of a home names the process that holds it. */
const holder = (): number | undefined =>
  existsSync(join(home, 'lock')) ? JSON.parse(readFileSync(join(home, 'lock'), 'utf8')).pid : undefined;

const stopServer = async () => {
  const pid = holder();
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  await vi.waitFor(() => expect(holder()).toBeUndefined(), { timeout: 15_000 });
};

const env = { BERTH_DRIVER: 'memory', BERTH_PORT: '0', BERTH_LOG_LEVEL: 'warn' };
const berth = async (more: Record<string, string>, ...args: string[]) => {
  const world = createWorld({ ...env, BERTH_HOME: home, ...more });
  const exitCode = await runCommandLine(args, world);
  return { exitCode, out: world.out(), err: world.err() };
};

test('up --detach starts one server, whatever the umask, and finds it again', async () => {
  const umask = process.umask(0o077);
  const first = await berth({}, 'up', '--detach', '--json').finally(() => process.umask(umask));
  expect(readFileSync(`/proc/${holder()}/status`, 'utf8')).toMatch(/^Umask:\t0022$/m);
  expect(first).toMatchObject({ exitCode: 0, err: '' });
  expect(JSON.parse(first.out)).toEqual({
    address: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    socket: `unix:${join(home, 'run/berth.sock')}`,
    token: join(home, 'owner-token'),
  });
  const pid = holder();
  expect(await berth({}, 'up', '--detach', '--json')).toEqual(first);
  expect(holder()).toBe(pid);
  const status = await berth({}, 'status', '--json');
  expect(JSON.parse(status.out)).toMatchObject({ health: { defaultDriver: 'memory' } });
}, 40_000);

test('several at once all end with the one server that was started', async () => {
  const ran = await Promise.all([1, 2, 3, 4].map(() => berth({}, 'up', '--detach', '--json')));
  expect(ran.map(({ exitCode, err }) => [exitCode, err])).toEqual(Array.from({ length: 4 }, () => [0, '']));
  expect(new Set(ran.map(({ out }) => out)).size).toBe(1);
  const log = readFileSync(join(home, 'server.log'), 'utf8');
  expect(log.match(/^\{"address"/gm)).toHaveLength(1);
}, 40_000);

test('a server that cannot start ends the command with its own error, hint and exit code', async () => {
  const wrong: readonly [place: RegExp, env: Record<string, string>, ...flags: string[]][] = [
    [/not valid: BERTH_PORT: must be a whole number from 0 to 65535\./, { BERTH_PORT: 'nonsense' }],
    [/not valid: --port: must be a whole number from 0 to 65535\./, { BERTH_PORT: '0' }, '--port', '70000'],
    [/not valid: --host: must be a host name .*; --port: must be/, {}, '--port=-1', '--host', '999.1.1.1'],
    [/not valid: --agent: must be one of .*, not "nope"\./, {}, '--agent', 'nope'],
  ];
  for (const [place, more, ...flags] of wrong) {
    const { exitCode, err } = await berth(more, 'up', '--detach', ...flags);
    expect([exitCode, err]).toEqual([2, expect.stringMatching(place)]);
  }
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const refused = await berth({ BERTH_PORT: String(port) }, 'up', '--detach', '--json');
  taken.close();
  expect(refused.exitCode).toBe(6);
  const hint = expect.stringContaining('berth up --port');
  expect(JSON.parse(refused.err || refused.out)).toMatchObject({
    error: { code: 'server.cannot_listen', hint },
  });
  expect(readFileSync(join(home, 'server.log'), 'utf8')).toContain('from BERTH_PORT');
}, 40_000);

test('a home where nothing can be made is told at once, with what named it', async () => {
  const file = join(home, 'file');
  writeFileSync(file, '');
  for (const folder of ['/proc/x/y', file, join(file, 'below')]) {
    const byVariable = await berth({ BERTH_HOME: folder }, 'up', '--detach', '--port', '0');
    const byFlag = await berth({}, 'up', '--detach', '--home', folder);
    expect([byVariable.exitCode, byFlag.exitCode]).toEqual([6, 6]);
    expect(byVariable.err).toContain(`The home ${folder} (from BERTH_HOME) cannot be used`);
    expect(byFlag.err).toContain(`The home ${folder} (from --home) cannot be used`);
    expect(byFlag.err).not.toMatch(/E[A-Z]{4,}:/);
  }
});

test('up in the foreground ends with its server', async () => {
  const child = spawn(process.execPath, [bin, 'up', '--home', home, '--port', '0', '--driver', 'memory'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await vi.waitFor(() => expect(holder()).toBeDefined(), { timeout: 15_000 });
  expect(holder()).not.toBe(child.pid);
  child.kill('SIGTERM');
  const [exitCode] = await once(child, 'exit');
  expect([exitCode, holder()]).toEqual([0, undefined]);
}, 40_000);
