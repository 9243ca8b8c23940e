import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isStop } from '@berth/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  createHostProcesses,
  type HostProcess,
  type HostProcesses,
} from '../../src/system/host-processes.ts';

const env = { PATH: '/usr/bin:/bin' };
const opened: HostProcesses[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
const logged: string[] = [];
const log = { warn: (event: string) => void logged.push(event) };
const open = (): HostProcesses => {
  const processes = createHostProcesses(log);
  opened.push(processes);
  return processes;
};

const sh = (processes: HostProcesses, script: string, rest: { isOutward?: boolean } = {}): HostProcess =>
  processes.start({ argv: ['/bin/sh', '-c', script], env, ...rest });

/** The next lines that are said, as process ids. */
const pidsOf = async (stdout: Readable, count: number): Promise<number[]> => {
  const pids: number[] = [];
  for await (const line of createInterface(stdout)) if (pids.push(Number(line)) === count) break;
  return pids;
};

const isAlive = (pid: number): boolean => {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
};
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number);
const goneSoon = (pids: readonly number[]) =>
  vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), 5000);

const TREE = '(sleep 600 & echo $!; wait) & echo $!; wait';

describe('a metered program', () => {
  const metered = (script: string) =>
    open().start({
      argv: ['/bin/sh', '-c', script],
      env,
      limits: { memoryBytes: 2 ** 30, cpuSeconds: 10 },
      isMetered: true,
    });

  test('says what it and its children took, with its exit code and signal as they were', async () => {
    const busy = metered(`sh -c 'n=0; while [ $n -lt 200000 ]; do n=$((n + 1)); done'; exit 3`);
    expect(await busy.ended).toBe(3);
    expect(await busy.spentSeconds()).toBeGreaterThan(0.01);
    expect(await busy.spentSeconds()).toBeLessThan(10);
    const killed = metered('kill -s KILL $$');
    expect([await killed.ended, killed.endedBy()]).toEqual([null, 'SIGKILL']);
  });

  test('cannot say less than it took, neither by its meter nor by its end', async () => {
    const liar = metered(`echo '0m0.000000s 0m0.000000s' >&3; exec sleep 600`);
    await expect.poll(() => isAlive(process.pid)).toBe(true);
    liar.end();
    await liar.ended;
    expect(await liar.spentSeconds()).toBeGreaterThan(0);
  });
});

describe('a program on the host', () => {
  test('is ended with all that it started, though the pipes are held by it', async () => {
    const one = sh(open(), TREE);
    const pids = await pidsOf(one.stdout, 2);
    one.end();
    expect(await one.ended).toBeNull();
    await goneSoon(pids);
  });

  test('leaves nothing behind when it ends by itself', async () => {
    const one = sh(open(), 'sleep 600 & echo $!; exit 3');
    const pids = await pidsOf(one.stdout, 1);
    expect(await one.ended).toBe(3);
    await goneSoon(pids);
  });

  test('that is not there is told', async () => {
    const one = open().start({ argv: ['/nowhere/git'], env });
    await expect(one.ended).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('that has become another user stays, which is told and ends nothing else', async () => {
    const refused = Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    const one = sh(open(), 'read line; exit 3');
    vi.spyOn(process, 'kill').mockImplementation(() => {
      throw refused;
    });
    one.end();
    one.stdin.end('go\n');
    expect(await one.ended.finally(() => vi.restoreAllMocks())).toBe(3);
    expect(logged).toEqual(['process.left', 'process.left']);
  });

  test('is known as no younger than it is when the clock is set', async () => {
    const processes = open();
    const one = processes.start({ argv: ['cat'], env, place: '/hub/a' });
    const now = Date.now();
    for (const moved of [-3_600_000, 3_600_000]) {
      vi.spyOn(Date, 'now').mockReturnValue(now + moved);
      expect(processes.oldestIn('/hub/a')).toBeLessThanOrEqual(now + Math.min(moved, 0));
      vi.restoreAllMocks();
    }
    one.end();
    await one.ended;
  });

  test('is known by the folder that it changes, for as long as it runs', async () => {
    const processes = open();
    const before = Date.now();
    const one = processes.start({ argv: ['cat'], env, place: '/hub/a' });
    expect(processes.oldestIn('/hub/a')).toBeGreaterThanOrEqual(before);
    expect(processes.oldestIn('/hub/b')).toBeUndefined();
    one.stdin.end();
    await one.ended;
    expect(processes.oldestIn('/hub/a')).toBeUndefined();
  });
});

describe('a server that goes', () => {
  test('has a reaper that is replaced when it is frozen', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    logged.length = 0;
    const processes = open();
    const before = childrenOf(process.pid);
    const one = sh(processes, 'echo $$; read line');
    const [group = 0] = await pidsOf(one.stdout, 1);
    const [reaper = 0] = childrenOf(process.pid).filter((pid) => !before.includes(pid) && pid !== group);
    process.kill(reaper, 'SIGSTOP');
    const other = sh(processes, 'read line');
    vi.advanceTimersByTime(5_000);
    await vi.waitFor(() => expect(isAlive(reaper)).toBe(false));
    expect(logged).toEqual(['process.reaper_replaced']);
    const now = childrenOf(process.pid).filter((pid) => !before.includes(pid) && isAlive(pid));
    expect(now).toHaveLength(3);
    vi.useRealTimers();
    for (const { stdin, ended } of [one, other]) {
      stdin.end();
      await ended;
    }
  });

  test('by stopping lets what works here finish, and not what waits for others', async () => {
    const processes = open();
    const inward = sh(processes, 'read line; exit 7');
    const outward = sh(processes, 'sleep 600', { isOutward: true });
    const closed = processes.close();
    expect(await outward.ended).toBeNull();
    inward.stdin.end('go\n');
    expect(await inward.ended).toBe(7);
    await closed;
    expect(() => sh(processes, 'true')).toThrow(expect.toSatisfy(isStop));
  });

  test('by SIGKILL takes with it what it had started and what that had started', async () => {
    const module = fileURLToPath(new URL('../../src/system/host-processes.ts', import.meta.url));
    const script = `import { createHostProcesses } from ${JSON.stringify(module)};
      const processes = createHostProcesses({ warn() {} });
      await processes.start({ argv: ['true'], env: ${JSON.stringify(env)} }).ended;
      const one = processes.start({ argv: ['/bin/sh', '-c', ${JSON.stringify(TREE)}], env: ${JSON.stringify(env)} });
      one.stdout.pipe(process.stdout);`;
    const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pids = await pidsOf(server.stdout, 2);
    expect(pids.filter(isAlive)).toEqual(pids);
    server.kill('SIGKILL');
    await once(server, 'exit');
    await goneSoon(pids);
  });
});

test('without a descriptor left a start fails, with pipes that are over, and nothing ends because of it', async () => {
  const program = `
    import { openSync } from 'node:fs';
    import { createHostProcesses } from '${new URL('../../src/system/host-processes.ts', import.meta.url).href}';
    const processes = createHostProcesses({ warn: () => undefined });
    let isFull = false;
    try { for (;;) openSync('/dev/null') } catch { isFull = true }
    const { stdin, stdout, ended } = processes.start({ argv: ['/bin/true'], env: {} });
    stdin.end('nobody reads');
    for await (const chunk of stdout) console.log(chunk);
    if (isFull) console.log(await ended.catch(({ code }) => code));`;
  const argv = [
    '-c',
    'ulimit -n 64; exec "$@"',
    'few',
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ];
  const { stdout } = await promisify(execFile)('/bin/sh', argv);
  expect(stdout.trim()).toBe('EMFILE');
});
