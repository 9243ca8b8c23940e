/** The walls, seen from inside a sandbox of the real server: secrets, networks, processes, files, memory. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dataOf, type Event, type Sandbox, type SandboxCreate } from '@berth/contract';
import type { Connection } from '@berth/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BROKEN_SUM, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';
import { COMPLETED, conversationOf, endOf, eventAfter, runTask, steps } from './tasks.ts';

const HOST_SECRET = 'host-environment-canary-5d1f';
const MIB = 2 ** 20;
/** The registry that this user's npm fetches from. */
const REGISTRY = new URL(execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim());

let world: SystemWorld;
let closed: Sandbox;

const LEAK_SCRIPT = [
  'cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"',
  'cat /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"',
  'cat "$HOME"/.berth/* "$HOME"/.config/*/* "$HOME"/.local/share/*/* 2>/dev/null',
].join('; ');

beforeAll(async () => {
  world = await createWorld({
    // Named by the user's own configuration, the registry may lie anywhere, also at a private address.
    env: { BERTH_TEST_CANARY: HOST_SECRET, npm_config_registry: REGISTRY.href },
    scripts: {
      leak: {
        match: 'look around',
        answers: [
          { calls: [{ do: 'bash', command: `(${LEAK_SCRIPT}) > seen.txt` }], text: 'I look.' },
          { text: 'I have looked.' },
        ],
      },
    },
  });
  closed = await create({ egress: { preset: 'none' } });
}, 120_000);
afterAll(() => world?.end(), 120_000);

const create = (wanted: SandboxCreate) => world.client.sandboxes.create(wanted);
const sh = async ({ id }: Pick<Sandbox, 'id'>, shell: string, timeoutMs = 30_000) =>
  world.client.sandboxes.exec({ id, shell, timeoutMs });

describe('secrets', () => {
  test('of the host are in no file, no environment and no argument of a sandbox', async () => {
    // Cut in two, so that what looks for a secret does not find its own arguments.
    const words = [world.modelKey, world.token, HOST_SECRET].map(
      (word) => `${word.slice(0, 5)}''${word.slice(5)}`,
    );
    const patterns = words.map((word) => `printf '%s\\n' '${word}'`).join('; ');
    const found = await sh(
      closed,
      `(${patterns}) > /tmp/words; cat /tmp/words | wc -l; ` +
        'grep -l -F -f /tmp/words /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; ' +
        'grep -r -l -s -I -D skip -F -f /tmp/words /etc /root /home /workspace /run /var /opt /srv /tmp 2>/dev/null | grep -v ^/tmp/words; true',
    );
    expect(found).toMatchObject({ exitCode: 0, stdout: '3\n' });
  }, 120_000);

  test('are out of the reach of an agent at work, too', async () => {
    const source = makeRepository(world.folder, 'looked', BROKEN_SUM);
    const { id: workspaceId } = await world.client.workspaces.create({
      repositories: [{ source }],
      gate: { commands: [{ name: 'check', run: 'test -s seen.txt' }] },
    });
    const { task, events } = await runTask(world.client, { workspaceId, prompt: 'Please look around.' });
    expect(endOf(task)).toEqual(COMPLETED);
    // What the agent's own program would fetch for itself is no news for the person whose task it is.
    expect(events.filter(({ type }) => type === 'sandbox.egress_denied')).toEqual([]);
    const seen = await world.client.changes.diff({ id: task.changeId ?? '' });
    // The agent's own environment was really read: it holds the token of its attempt, which is worth nothing outside.
    expect(seen).toMatch(/BERTH_\w*TOKEN|opencode/i);
    for (const secret of [world.modelKey, world.token, HOST_SECRET]) expect(seen).not.toContain(secret);
    const { attempt } = await conversationOf(world.client, task.id);
    expect(attempt.state).toBe('completed');
  }, 180_000);
});

describe('the network', () => {
  test('has no way to an address of the host and no names', async () => {
    const listening = createTcp((socket) => socket.end('reached'));
    await new Promise<void>((resolve) => listening.listen(0, '0.0.0.0', resolve));
    const { port } = listening.address() as AddressInfo;
    const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const addresses = own.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
    const script = `
      const net = require('node:net'), dns = require('node:dns');
      const tried = (host, port) => new Promise((resolve) => {
        const socket = net.connect({ host, port, timeout: 2000 });
        for (const name of ['connect', 'timeout', 'error']) socket.once(name, () => { socket.destroy(); resolve(name); });
      });
      (async () => {
        for (const host of ${JSON.stringify(['127.0.0.1', ...addresses])}) console.log(await tried(host, ${port}));
        console.log(await dns.promises.lookup('registry.npmjs.org').then(() => 'named', () => 'nameless'));
      })();`;
    try {
      const { stdout, stderr } = await world.client.sandboxes.exec({
        id: closed.id,
        argv: ['node', '-e', script],
      });
      const words = stdout.trim().split('\n');
      expect(words.at(-1), stderr).toBe('nameless');
      expect(new Set(words.slice(0, -1))).not.toContain('connect');
      expect(words.length).toBeGreaterThan(1);
    } finally {
      listening.close();
    }
  }, 60_000);

  test('is closed by default; every try is recorded, and says inside and outside what would allow it', async () => {
    const sandbox = await create({});
    expect(sandbox.egress).toEqual({ preset: 'none' });
    const { lastSeq } = await world.client.system.stats();
    const tried = await sh(
      sandbox,
      `curl -sSv -m 10 -o /dev/null '${REGISTRY.href}is-number' 2>&1; echo "code $?"`,
    );
    expect(tried.stdout).not.toContain('code 0');
    const reason = 'the egress policy "none" does not allow it';
    expect(tried.stdout).toContain(`${reason}; the user can allow it with --egress packages`);
    const isMeant = ({ type, subject }: Event) => type === 'sandbox.egress_denied' && subject === sandbox.id;
    const told = await eventAfter(world.client, lastSeq, isMeant);
    expect(told.data).toMatchObject({ host: REGISTRY.hostname, reason, remedy: '--egress packages' });
    expect(connectionsOf(sandbox.id)[0]).toMatchObject({
      host: REGISTRY.hostname,
      verdict: 'denied',
      reason,
    });
  }, 60_000);

  test('of a task is closed for its agent and its gate, unless the task asks for more', async () => {
    const fetch = `curl -fsS -m 20 -o /dev/null '${REGISTRY.href}is-number'`;
    const workspace = await world.client.workspaces.create({
      repositories: [{ source: makeRepository(world.folder, 'reach', { 'README.md': 'here\n' }) }],
      gate: { commands: [{ name: 'reach', run: fetch }] },
    });
    const wanted = {
      workspaceId: workspace.id,
      agent: 'scripted',
      prompt: steps({ run: `${fetch} 2>/dev/null && echo open > seen.txt || echo closed > seen.txt` }),
      maxRounds: 1,
    };
    const shut = await runTask(world.client, wanted);
    expect(endOf(shut.task)).toMatchObject({ code: 'gate.red' });
    const denied = shut.events.filter(({ type }) => type === 'sandbox.egress_denied');
    expect(denied.map((event) => dataOf(event, 'sandbox.egress_denied')?.remedy)).toContain(
      '--egress packages',
    );
    // Of the agent's sandbox and of the gate's.
    expect(new Set(denied.map(({ subject }) => subject)).size).toBeGreaterThan(1);

    const open = await runTask(world.client, { ...wanted, egress: { preset: 'packages' } });
    expect(endOf(open.task)).toMatchObject(COMPLETED);
    expect(open.events.filter(({ type }) => type === 'sandbox.egress_denied')).toEqual([]);
    const diff = await world.client.changes.diff({ id: open.task.changeId ?? '' });
    expect(diff).toContain('+open');
  }, 180_000);

  test('of "custom" goes where its list says, yet never to a private address', async () => {
    const server = createServer((_, response) => response.end('inside the house'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const sandbox = await create({
      egress: { preset: 'custom', allow: [`localhost:${port}`, REGISTRY.host] },
    });
    try {
      // The sandbox's own loopback is exempt from the proxy, unless one says otherwise.
      const ask = (url: string) =>
        sh(sandbox, `curl --noproxy '' -sS -m 20 -o /dev/null -w '%{http_code}' '${url}' 2>&1`);
      expect((await ask(`http://localhost:${port}/`)).stdout).not.toContain('200');
      expect((await ask(`${REGISTRY.href}is-number`)).stdout).toContain('200');
      expect((await ask('https://example.com/')).stdout).not.toContain('200');
      await until('all three are recorded', () => connectionsOf(sandbox.id).length >= 3);
      const said = connectionsOf(sandbox.id).map(({ host, verdict, reason }) => [host, verdict, reason]);
      expect(said).toContainEqual([
        'localhost',
        'denied',
        'localhost has a private or reserved address: the server’s own',
      ]);
      expect(said).toContainEqual([REGISTRY.hostname, 'allowed', `allowed by ${REGISTRY.host}`]);
      expect(said).toContainEqual(['example.com', 'denied', 'the egress policy "custom" does not allow it']);
    } finally {
      server.close();
    }
  }, 120_000);

  test('of "packages" installs from the user’s own registry and nothing else', async () => {
    const sandbox = await create({ egress: { preset: 'packages' } });
    const folder = 'mkdir -p /workspace/p && cd /workspace/p && echo "{}" > package.json';
    const installed = await sh(
      sandbox,
      `${folder} && npm install --registry '${REGISTRY.href}' --no-audit --no-fund is-number@7.0.0 2>&1 && ls node_modules`,
      60_000,
    );
    expect(installed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is-number') });
    const other = await sh(sandbox, 'curl -sS -m 10 -o /dev/null https://example.com/ 2>&1');
    expect(other.exitCode).not.toBe(0);
  }, 180_000);
});

describe('other things of the host', () => {
  test('are neither files nor processes of a sandbox', async () => {
    const other = await create({ egress: { preset: 'none' } });
    await sh(other, 'echo theirs > /workspace/theirs.txt; sleep 1000 & exec sleep 0');
    const names = `${world.home} ${world.folder} /proc/1/root${world.home}`;
    const seen = await sh(
      closed,
      `ls -d ${names} /var/lib/berth /var/run/docker.sock 2>/dev/null; ls -A /root /home 2>/dev/null; true`,
    );
    expect(seen.stdout).not.toMatch(/berth-system|docker\.sock|\.npmrc|\.ssh/);
    const files = await sh(
      closed,
      'find / -xdev -name theirs.txt -o -xdev -name berth.db -o -xdev -name owner-token 2>/dev/null; true',
    );
    expect(files.stdout).toBe('');
    const processes = await sh(
      closed,
      'cat /proc/[0-9]*/cmdline | tr "\\0" " "; echo; ls /proc | grep -c "^[0-9]"',
    );
    expect(processes.stdout).not.toMatch(/program\.(ts|js)|sleep 1000|vitest/);
    expect(Number(processes.stdout.trim().split('\n').at(-1))).toBeLessThan(10);
    await world.client.sandboxes.remove({ id: other.id });
  }, 120_000);
});

describe('greed', () => {
  test('for processes is contained, and the server answers meanwhile', async () => {
    const sandbox = await create({
      egress: { preset: 'none' },
      limits: { pids: 128, memoryBytes: 256 * MIB },
    });
    // The shell ends when a fork is refused; what it started sleeps on, so that the limit can be seen.
    const bomb = sh(sandbox, 'while :; do sleep 20 & done', 20_000).catch((error: unknown) => error);
    await until('the limit is reached', async () => {
      const { processes = 0 } = await world.client.sandboxes.metrics({ id: sandbox.id });
      return processes > 60;
    });
    const askedAt = performance.now();
    expect((await sh(closed, 'echo well')).stdout).toBe('well\n');
    expect(performance.now() - askedAt).toBeLessThan(10_000);
    expect((await world.client.sandboxes.metrics({ id: sandbox.id })).processes).toBeLessThanOrEqual(128);
    await world.client.sandboxes.remove({ id: sandbox.id });
    await bomb;
    await until(
      'it is gone with all its processes',
      async () => (await world.client.sandboxes.get({ id: sandbox.id })).state === 'destroyed',
    );
  }, 120_000);

  test('for memory ends the process alone, and says so', async () => {
    const sandbox = await create({ egress: { preset: 'none' }, limits: { memoryBytes: 192 * MIB } });
    const hog = await world.client.sandboxes.exec({
      id: sandbox.id,
      argv: ['node', '-e', 'const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1));'],
      timeoutMs: 30_000,
    });
    expect(hog).toMatchObject({ outOfMemory: true, timedOut: false });
    expect(hog.exitCode).not.toBe(0);
    expect((await world.client.sandboxes.metrics({ id: sandbox.id })).outOfMemoryKills).toBeGreaterThan(0);
    expect((await sh(sandbox, 'echo still here')).stdout).toBe('still here\n');
    expect((await sh(closed, 'echo so am I')).stdout).toBe('so am I\n');
  }, 120_000);
});

const connectionsOf = (sandboxId: string): readonly Connection[] =>
  world.rows<Connection>('connections').filter((row) => row.sandboxId === sandboxId);
