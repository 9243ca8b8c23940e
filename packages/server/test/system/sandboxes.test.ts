/** Sandboxes for people and programs: what the API and the SDK do in them, against the real driver. */

import type { ExecPart, Sandbox } from '@berth/contract';
import type { Prebuild } from '@berth/core';
import { connectPort, createClient } from '@berth/sdk/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { git, hubOf, makeRepository } from './repository.ts';
import { createWorld, type SystemWorld, until } from './server.ts';

let world: SystemWorld;
let sandbox: Sandbox;

beforeAll(async () => {
  world = await createWorld();
  sandbox = await world.client.sandboxes.create({ egress: { preset: 'none' } });
}, 120_000);
afterAll(() => world?.end(), 120_000);

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text));

describe('a command', () => {
  test('gets its input, folder and environment, and its exit code is a result', async () => {
    const { client } = world;
    const { id } = sandbox;
    const ran = await client.sandboxes.exec({
      id,
      shell: 'cat; pwd; echo "$WORD" >&2; exit 7',
      cwd: '/tmp',
      env: { WORD: 'déjà' },
      stdin: 'in\n',
    });
    expect(ran).toMatchObject({ exitCode: 7, stdout: 'in\n/tmp\n', stderr: 'déjà\n', truncated: false });
    const plain = await client.sandboxes.exec({ id, argv: ['printf', '%s|', '$HOME;', 'a b'] });
    expect(plain.stdout).toBe('$HOME;|a b|');
    await expect(client.sandboxes.exec({ id, argv: ['/no/such'] })).rejects.toMatchObject({
      code: 'exec.not_startable',
    });
  });

  test('that takes too long is ended with its children', async () => {
    const { client } = world;
    const slow = await client.sandboxes.exec({
      id: sandbox.id,
      shell: 'sleep 4242 & sleep 4242',
      timeoutMs: 300,
    });
    expect(slow.timedOut).toBe(true);
    const left = await client.sandboxes.exec({
      id: sandbox.id,
      shell: 'cat /proc/[0-9]*/cmdline | tr "\\0" " " | grep -c "^sleep 424[2]"; true',
    });
    expect(left.stdout.trim()).toBe('0');
  });

  test('in the background is followed from any byte, and stopped by a signal', async () => {
    const { client } = world;
    const { id } = sandbox;
    const shell = 'trap "echo bye; exit 3" TERM; echo first; echo second; while :; do sleep 0.05; done';
    const { execId } = await client.sandboxes.exec({ id, shell, background: true });
    const parts: ExecPart[] = [];
    for await (const part of client.sandboxes.logs({ id, execId })) {
      parts.push(part);
      if (textOf(parts) === 'first\nsecond\n')
        await client.sandboxes.signal({ id, execId, signal: 'SIGTERM' });
    }
    expect(textOf(parts)).toBe('first\nsecond\nbye\n');
    expect(parts.at(-1)).toMatchObject({ kind: 'exit', exitCode: 3 });
    const again: ExecPart[] = [];
    for await (const part of client.sandboxes.logs({ id, execId, stdoutCursor: 6 })) again.push(part);
    expect(textOf(again)).toBe('second\nbye\n');
  });
});

test('three hundred commands at once have their turn, and do not meet the limit of processes', async () => {
  const { client } = world;
  const shell = 'sleep 0.1; echo done';
  const ran = await Promise.all(
    Array.from({ length: 300 }, () => client.sandboxes.exec({ id: sandbox.id, shell })),
  );
  expect(ran.filter(({ stdout }) => stdout !== 'done\n')).toEqual([]);
}, 120_000);

const textOf = (parts: readonly ExecPart[]): string =>
  parts.map((part) => (part.kind === 'output' && part.stream === 'stdout' ? part.text : '')).join('');

test('files are written, listed, renamed, read and removed, inside alone', async () => {
  const { client } = world;
  const { id } = sandbox;
  await client.sandboxes.writeFile({
    id,
    path: '/workspace/a/b.bin',
    mode: 0o640,
    bytes: bytesOf('\u0000ÿ\n'),
  });
  expect(Buffer.from(await client.sandboxes.readFile({ id, path: '/workspace/a/b.bin' })).toString()).toBe(
    '\u0000ÿ\n',
  );
  await client.sandboxes.makeFolder({ id, path: '/workspace/a/c' });
  await client.sandboxes.renameFile({ id, from: '/workspace/a/b.bin', to: '/workspace/a/c/d.bin' });
  const { entries } = await client.sandboxes.listFiles({ id, path: '/workspace/a/c' });
  expect(entries).toMatchObject([{ name: 'd.bin', kind: 'file', sizeBytes: 4 }]);
  await client.sandboxes.removeFile({ id, path: '/workspace/a' });
  await expect(client.sandboxes.readFile({ id, path: '/workspace/a/c/d.bin' })).rejects.toMatchObject({
    code: 'file.missing',
  });
  await expect(client.sandboxes.readFile({ id, path: `${world.home}/owner-token` })).rejects.toMatchObject({
    code: 'file.missing',
  });
});

test('a terminal echoes, knows its size and hears of a new one', async () => {
  const socket = world.client.sandboxes.shell({ id: sandbox.id, columns: 91, rows: 31 });
  let seen = '';
  socket.addEventListener('message', ({ data }) => {
    seen += Buffer.from(data as ArrayBuffer).toString();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  socket.send(bytesOf('echo si$((1+0))ze; stty size\n'));
  await until('it tells its size', () => /si1ze\s+31 91/.test(seen));
  // It is the user's, who is that of every command, and programs open it by its name.
  socket.send(bytesOf('echo own$((1+0))er; id -u; stat -c %U "$(tty)"; echo op$((1+0))en > "$(tty)"\n'));
  await until('it belongs to commands', () => /own1er\s+1000\s+agent\s+op1en/.test(seen));
  socket.send(JSON.stringify({ columns: 120, rows: 40 }));
  socket.send(bytesOf('stty size\n'));
  await until('it tells the new size', () => /40 120/.test(seen));
  const ended = new Promise((resolve) => socket.addEventListener('close', resolve));
  socket.send(bytesOf('exit\n'));
  await ended;
}, 60_000);

describe('a port inside', () => {
  /** One that counts what it gets until the end, one that sends without end, and one that keeps quiet. */
  const PROGRAM = `
    const { createServer } = require('node:net');
    const { writeFileSync } = require('node:fs');
    const serve = (port, act) =>
      createServer({ allowHalfOpen: true }, (s) => act(s.on('error', () => s.destroy()))).listen(port, '127.0.0.1');
    serve(7001, (s) => {
      let got = 0;
      s.on('data', (d) => { got += d.length; }).on('end', () => s.end('got ' + got));
    });
    let sent = 0;
    serve(7002, (s) => {
      const more = () => {
        do sent += 65536; while (s.write(Buffer.alloc(65536)));
        writeFileSync('/tmp/sent', String(sent));
      };
      more(s.on('drain', more));
    });
    serve(7003, () => {}).once('listening', () => writeFileSync('/tmp/listens', ''));`;
  const sentBytes = async () =>
    Number((await world.client.sandboxes.exec({ id: sandbox.id, argv: ['cat', '/tmp/sent'] })).stdout);
  const connect = (port: number, client = world.client) => connectPort(client, { id: sandbox.id, port });

  beforeAll(async () => {
    const { id } = sandbox;
    await world.client.sandboxes.exec({ id, argv: ['node', '-e', PROGRAM], background: true });
    await world.client.sandboxes.exec({ id, shell: 'until [ -e /tmp/listens ]; do sleep 0.05; done' });
  }, 60_000);

  test('gets all that is sent, with its end, and answers after that', async () => {
    const { readable, writable } = await connect(7001);
    const writer = writable.getWriter();
    for (let count = 0; count < 10; count += 1) await writer.write(new Uint8Array(100_000));
    await writer.close();
    expect(await new Response(readable).text()).toBe('got 1000000');
  });

  test('is held up by a client that does not read, and holds up nothing else', async () => {
    const { readable } = await connect(7002);
    let seen = -1;
    await until('it stands still', async () => {
      const was = seen;
      seen = await sentBytes();
      return seen > 0 && was === seen;
    });
    // What the kernel holds between two programs inside, and a window.
    expect(seen).toBeLessThan(16 * 2 ** 20);
    const reader = readable.getReader();
    for (let got = 0; got < seen + 2 ** 20; ) got += (await reader.read()).value?.length ?? 0;
    await reader.cancel();
  });

  test('where nothing listens says so, and a viewer is not let in', async () => {
    await expect(connect(7009)).rejects.toMatchObject({ code: 'port.closed' });
    const { secret } = await world.client.tokens.create({ name: 'looks', role: 'viewer' });
    const viewer = createClient({ address: world.address, token: secret });
    await expect(connect(7001, viewer)).rejects.toMatchObject({ message: /needs the token of an operator/ });
  });

  test('has so many connections at a time, and none with a token that was revoked', async () => {
    const { secret, id } = await world.client.tokens.create({ name: 'leaves', role: 'operator' });
    const operator = createClient({ address: world.address, token: secret });
    const open = await Promise.all(Array.from({ length: 64 }, () => connect(7003, operator)));
    let isOpen = false;
    const next = connect(7003).then((connection) => {
      isOpen = true;
      return connection;
    });
    await sentBytes();
    expect(isOpen).toBe(false);
    const terminal = operator.sandboxes.shell({ id: sandbox.id });
    const ended = new Promise((resolve) => terminal.addEventListener('close', resolve));
    await new Promise((resolve) => terminal.addEventListener('open', resolve));
    await world.client.tokens.revoke({ id });
    for (const { readable } of open) await expect(readable.getReader().read()).rejects.toThrow();
    await ended;
    await (await next).readable.cancel();
  });
});

test('a repository inside is looked at, committed and pushed by its routes', async () => {
  const { client } = world;
  const source = makeRepository(world.folder, 'mine', { 'a.txt': 'a\n' });
  const workspace = await client.workspaces.create({ repositories: [{ source }] });
  const { id } = await client.sandboxes.create({ workspaceId: workspace.id });
  const at = { id, repository: 'mine' };
  await client.sandboxes.writeFile({ id, path: '/workspace/mine/a.txt', bytes: bytesOf('b\n') });
  expect((await client.sandboxes.gitStatus(at)).changes).toEqual([
    { path: 'a.txt', index: '.', worktree: 'M' },
  ]);
  expect(await client.sandboxes.gitDiff(at)).toContain('-a\n+b\n');
  const { commit } = await client.sandboxes.gitCommit({ ...at, message: 'B it is' });
  const pushed = await client.sandboxes.gitPush(at);
  expect(pushed.commit).toBe(commit);
  expect(git(hubOf(workspace), 'rev-parse', pushed.ref)).toBe(commit);
  expect(git(hubOf(workspace), 'show', 'main:a.txt')).toBe('a');
  await expect(client.workspaces.remove({ id: workspace.id })).rejects.toMatchObject({
    code: 'workspace.in_use',
  });
}, 120_000);

test('a sandbox whose time is over is removed', async () => {
  const { client } = world;
  const { id } = await client.sandboxes.create({ egress: { preset: 'none' }, ttlMs: 1000 });
  await until('it is gone', async () => (await client.sandboxes.get({ id })).state === 'destroyed');
  await expect(client.sandboxes.exec({ id, shell: 'true' })).rejects.toMatchObject({
    code: 'sandbox.not_running',
  });
}, 120_000);

test('a set-up runs once per lock file, and sandboxes start from what it left', async () => {
  const { client } = world;
  const source = makeRepository(world.folder, 'prepared', {
    'package.json': '{"name":"prepared"}',
    'package-lock.json': '{"name":"prepared","lockfileVersion":3,"packages":{}}',
    '.gitignore': 'stamp\n',
  });
  const { id: workspaceId } = await client.workspaces.create({
    repositories: [{ source }],
    setup: { commands: ['date +%s%N > stamp'], egress: { preset: 'none' } },
  });
  const stampOf = async () => {
    const { id } = await client.sandboxes.create({ workspaceId });
    return (await client.sandboxes.exec({ id, argv: ['cat', 'prepared/stamp'] })).stdout;
  };
  const first = await stampOf();
  expect(first).toMatch(/^\d{15,}\n$/);
  expect(await stampOf()).toBe(first);
  const prebuilds = world.rows<Prebuild>('prebuilds').filter((row) => row.workspaceId === workspaceId);
  expect(prebuilds).toMatchObject([{ state: 'ready', driver: 'oci' }]);
}, 180_000);
