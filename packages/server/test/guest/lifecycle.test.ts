import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guestCommand, initCommand } from '@berth/contract/guest';
import type { Process } from '@berth/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildGuest } from '../../../guest/build.mjs';
import { createSandboxClient } from '../../src/guest/sandbox-client.ts';
import { guestProcess, until } from './fixture.ts';

let folder = '';
let bundle = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'guest-bundle-'));
  bundle = await buildGuest(join(folder, 'guest.cjs'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the bundle', () => {
  it('is small and holds neither schemas nor code of the server', () => {
    const text = readFileSync(bundle, 'utf8');
    expect(text.length).toBeLessThan(80_000);
    expect(text).not.toMatch(/ZodType|\$ZodCheck|BerthError|fastify|kysely/);
  });

  it('refuses a configuration that lacks something', () => {
    const run = () => execFileSync(process.execPath, [bundle], { env: {}, stdio: 'pipe' });
    expect(run).toThrow(/BERTH_GUEST_SOCKET, BERTH_GUEST_ROOT, .* must be set/);
  });

  it('has no debugger that commands could reach, whatever the environment of the sandbox says', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await new Promise((resolve) => holder.close(resolve));
    const [, ...command] = guestCommand(process.execPath, bundle);
    await using guest = await guestProcess(['env', `NODE_OPTIONS=--inspect=127.0.0.1:${port}`], command);
    guest.child.kill('SIGUSR1');
    await guest.client().run({ id: 'after', argv: ['true'] });
    await expect(fetch(`http://127.0.0.1:${port}/json`)).rejects.toThrow();
  });

  it('keeps a command and every byte while its reader is killed and another comes', async () => {
    await using guest = await guestProcess([], [bundle]);
    const lines = Array.from({ length: 400 }, (_, i) => `line ${i}\n`).join('');
    const script = 'i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); sleep 0.002; done';
    const reader = readInOtherProcess(guest.socket, script);
    const first = await until(() => {
      const text = reader.text();
      expect(text.length).toBeGreaterThan(500);
      return text;
    });
    reader.child.kill('SIGKILL');
    expect(lines.startsWith(first)).toBe(true);

    const process = (await guest.client().attach('survivor')) as Process;
    let text = '';
    for await (const chunk of process.output())
      if (chunk.kind === 'output') text += Buffer.from(chunk.bytes).toString();
      else expect(chunk).toMatchObject({ kind: 'exit', exit: { exitCode: 0 } });
    expect(text).toBe(lines);
  });

  it('is unreachable once killed, in bounded time', async () => {
    await using guest = await guestProcess([], [bundle]);
    const sandbox = guest.client();
    const running = sandbox.run({ id: 'doomed', argv: ['sleep', '5'] });
    const caught = expect(running).rejects.toMatchObject({ code: 'sandbox.unreachable' });
    await until(async () => expect(await sandbox.attach('doomed')).toBeDefined());
    guest.child.kill('SIGKILL');
    await caught;
  }, 60_000);
});

/** Another process starts the command and reads it, as a server that is about to die. */
const readInOtherProcess = (socket: string, script: string): { child: ChildProcess; text: () => string } => {
  const clientUrl = import.meta.resolve('../../src/guest/sandbox-client.ts');
  const code = `
    import { connect } from 'node:net';
    import { createSandboxClient } from ${JSON.stringify(clientUrl)};
    const place = { id: 's', root: '/', home: '/', internalUrl: '' };
    const client = createSandboxClient({ ...place, connect: async () => connect(${JSON.stringify(socket)}) });
    const p = await client.start({ id: 'survivor', argv: ['sh', '-c', ${JSON.stringify(script)}], keep: 'all' });
    for await (const c of p.output()) if (c.kind === 'output') process.stdout.write(c.bytes);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  return { child, text: () => text };
};

describe('a machine of its own', () => {
  const isRoot = process.getuid?.() === 0;
  const unshare = ['unshare', ...(isRoot ? [] : ['-r']), '-p', '-f', '--mount-proc', '--kill-child'];

  it('collects orphans, and ends with the guest', async () => {
    const [shell = '', ...recipe] = initCommand([]);
    await using guest = await guestProcess([...unshare, shell, ...recipe], [bundle]);
    const sandbox = guest.client();
    const orphan = 'for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c "exit 0" &) ; done';
    await sandbox.run({ id: 'orphans', argv: ['sh', '-c', orphan] });
    await until(async () => {
      const { stdout } = await sandbox.run({
        id: `states-${Math.random()}`,
        argv: ['sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null | sed "s/.*) \\(.\\) .*/\\1/"'],
      });
      expect(stdout.split('\n').length).toBeGreaterThan(3);
      expect(stdout).not.toContain('Z');
    });
    const { pid } = await sandbox.health();
    expect(pid).toBeLessThan(10);

    const daemon = await sandbox.run({ id: 'd', argv: ['sh', '-c', 'setsid sleep 7654 & echo $!'] });
    expect(Number(daemon.stdout)).toBeGreaterThan(0);
    await sandbox.start({ id: 'suicide', argv: ['kill', '-9', String(pid)] }).catch(() => undefined);
    await until(() => {
      const left = readdirSync('/proc').filter(
        (name) => /^\d+$/.test(name) && commandOf(name) === 'sleep 7654 ',
      );
      expect(left).toEqual([]);
    });
  }, 40_000);
});

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};

describe('speed', () => {
  it('is near what was measured for the design, with room for a busy machine', async () => {
    const before = performance.now();
    await using guest = await guestProcess([], [bundle]);
    const readyMs = performance.now() - before;
    const sandbox = createSandboxClient({
      id: 's',
      root: '/',
      home: '/',
      internalUrl: '',
      connect: guest.connect,
    });
    const roundTripMs = await median(300, () => sandbox.health());
    const execMs = await median(100, (i) => sandbox.run({ id: `true-${i}`, argv: ['/bin/true'] }));
    sandbox.close();
    process.stdout.write(
      `guest: ready ${readyMs.toFixed(0)} ms, round trip ${roundTripMs.toFixed(2)} ms, exec ${execMs.toFixed(2)} ms\n`,
    );
    expect(roundTripMs).toBeLessThan(10);
    expect(execMs).toBeLessThan(40);
  });
});

const median = async (times: number, act: (turn: number) => Promise<unknown>): Promise<number> => {
  const taken: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const before = performance.now();
    await act(turn);
    taken.push(performance.now() - before);
  }
  return taken.sort((a, b) => a - b)[times >> 1] ?? 0;
};
