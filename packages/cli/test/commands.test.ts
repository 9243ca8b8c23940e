import { type ErrorCode, fail } from '@berth/contract';
import { type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../src/program.ts';
import { berth, createWorld } from './scripted-world.ts';

const idOf = (prefix: string) => `${prefix}_${'1'.repeat(20)}`;
const task = { id: idOf('tk'), state: 'queued', agent: 'opencode', createdAt: 0, title: 'Fix\u001b[31m it' };
const workspace = { id: idOf('ws'), name: 'shop', repositories: [] };

const script: Script = {
  'task.create': () => task,
  'task.list': () => ({ rows: [task], next: 'more' }),
  'task.get': ({ input }) => ({ ...task, id: input.id }),
  'workspace.list': () => ({ rows: [workspace] }),
  'workspace.create': ({ input }) => ({ ...workspace, ...input }),
  'change.diff': () => 'diff --git a/x b/x',
  'sandbox.exec': () => ({ execId: idOf('ex'), stdout: '', stderr: '', truncated: false, durationMs: 1 }),
  'sandbox.logs': async function* () {
    yield ['0', { kind: 'output', stream: 'stdout', cursor: 0, text: 'hello\n' }];
    yield ['0', { kind: 'output', stream: 'stderr', cursor: 0, text: 'careful\n' }];
    yield ['0', { kind: 'exit', exitCode: 3, timedOut: false, outOfMemory: false }];
  },
  'system.health': () => ({ status: 'ok', version: '1', uptimeMs: 5, checks: [] }),
  'system.stats': () => ({ tasks: { queued: 1 }, lastSeq: 9 }),
  'system.doctor': () => ({
    checks: [
      { name: 'git', ok: true, detail: 'git 2' },
      { name: 'oci', ok: false, detail: 'no runtime', hint: 'apt-get install crun' },
    ],
  }),
};

describe('commands', () => {
  test('a list is a table for people and lines of JSON for programs', async () => {
    await using server = await startScriptedServer(script);
    const human = await berth(server.address, ['task', 'list', '--state', 'queued']);
    expect(human.out).toBe(
      `ID${' '.repeat(23)}STATE   AGENT     CREATED              TITLE\n` +
        `${task.id}  queued  opencode  1970-01-01 00:00:00  Fix [31m it\nmore: --after more\n`,
    );
    const json = await berth(server.address, ['task', 'list', '--json']);
    expect(
      json.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([task]);
  });

  test('flags and positionals become the input; a workspace may be named', async () => {
    await using server = await startScriptedServer(script);
    const line = ['task', 'create', 'fix it', '--workspace', 'shop', '--priority', '9', '--delay', '2s'];
    expect((await berth(server.address, line)).exitCode).toBe(0);
    expect(server.calls.at(-1)?.input).toEqual({
      workspaceId: workspace.id,
      prompt: 'fix it',
      priority: 9,
      delayMs: 2000,
    });
    await berth(
      server.address,
      ['workspace', 'add', '.', 'https://example.com/b.git', '--egress', 'none'],
      '/tmp',
    );
    expect(server.calls.at(-1)?.input).toEqual({
      repositories: [{ source: '/tmp' }, { source: 'https://example.com/b.git' }],
      egress: { preset: 'none' },
    });
    const unknown = await berth(server.address, ['workspace', 'show', 'nowhere']);
    expect([unknown.exitCode, unknown.err]).toEqual([4, 'error: There is no workspace nowhere.\n']);
  });

  test('text is passed on', async () => {
    await using server = await startScriptedServer(script);
    expect((await berth(server.address, ['change', 'diff', idOf('ch')])).out).toBe('diff --git a/x b/x\n');
  });

  test('exec passes on both streams and the exit code', async () => {
    await using server = await startScriptedServer(script);
    const ran = await berth(server.address, ['sandbox', 'exec', idOf('sb'), '--cwd', 'a', '--', 'ls', '-l']);
    expect(ran).toEqual({ exitCode: 3, out: 'hello\n', err: 'careful\n' });
    expect(server.calls[0]?.input).toEqual({
      id: idOf('sb'),
      argv: ['ls', '-l'],
      cwd: 'a',
      background: true,
    });
    const detached = await berth(server.address, ['sandbox', 'exec', idOf('sb'), '--detach', '--', 'ls']);
    expect(detached).toEqual({ exitCode: 0, out: `${idOf('ex')}\n`, err: '' });
    const read = await berth(server.address, ['sandbox', 'logs', idOf('sb'), idOf('ex'), '--json']);
    expect(read.out.trim().split('\n')).toHaveLength(3);
  });

  test('the first Ctrl-C goes to the command, the second one leaves', async () => {
    let world = createWorld();
    await using server = await startScriptedServer({
      ...script,
      'sandbox.logs': async function* () {
        yield ['0', { kind: 'output', stream: 'stdout', cursor: 0, text: '.' }];
        world.interrupt();
        await new Promise(() => undefined);
      },
      'sandbox.signal': ({ input }) => {
        expect(input.signal).toBe('SIGINT');
        setImmediate(() => world.interrupt());
        return {};
      },
    });
    world = createWorld({ BERTH_ADDRESS: server.address });
    expect(await runCommandLine(['sandbox', 'exec', idOf('sb'), '--', 'sleep', '9'], world)).toBe(130);
  });

  test('status and doctor', async () => {
    await using server = await startScriptedServer(script);
    const status = await berth(server.address, ['status', '--json']);
    expect(JSON.parse(status.out)).toMatchObject({ health: { status: 'ok' }, stats: { lastSeq: 9 } });
    const human = await berth(server.address, ['status']);
    expect(human.out).toContain('SANDBOXES  none\nTASKS      1 queued\n');
    const doctor = await berth(server.address, ['doctor']);
    expect(doctor).toEqual({
      exitCode: 6,
      out: '✓ git: git 2\n✗ oci: no runtime\n  apt-get install crun\n',
      err: '',
    });
  });

  test('dashboard prints the address with the token, behind the #', async () => {
    const address = 'http://127.0.0.1:8080';
    await using server = await startScriptedServer({ 'system.health': () => ({ address }) });
    const world = createWorld({ BERTH_ADDRESS: server.address, BERTH_TOKEN: 'berth_x' });
    expect(await runCommandLine(['dashboard'], world)).toBe(0);
    expect(world.out()).toBe(`${address}/#token=berth_x\n`);
  });

  test('events are followed until Ctrl-C', async () => {
    let world = createWorld();
    await using server = await startScriptedServer({
      'event.stream': async function* ({ input }) {
        expect(input).toEqual({ type: 'task.*', afterSeq: 4 });
        yield [
          '5',
          { seq: 5, id: idOf('ev'), type: 'task.created', version: 1, at: 0, subject: task.id, data: {} },
        ];
        setImmediate(() => world.interrupt());
        await new Promise(() => undefined);
      },
    });
    world = createWorld({ BERTH_ADDRESS: server.address });
    expect(await runCommandLine(['events', '--type', 'task.*', '--after', '4'], world)).toBe(0);
  });
});

const CODES: readonly [ErrorCode, object, number][] = [
  ['auth.required', {}, 3],
  ['record.missing', { noun: 'task', id: 'x' }, 4],
  ['state.illegal', { noun: 'task', id: 'x', state: 'queued', trigger: 'retried' }, 5],
  ['disk.full', { path: '/' }, 6],
  ['driver.unsupported', { driver: 'host', facet: 'pause' }, 7],
  ['server.failed', { reference: 'r' }, 1],
];

describe('exit codes', () => {
  test.each(CODES)('%s', async (code, data, exitCode) => {
    await using server = await startScriptedServer({
      'task.get': () => {
        throw fail(code, data as never);
      },
    });
    const human = await berth(server.address, ['task', 'show', idOf('tk')]);
    expect([human.exitCode, human.out]).toEqual([exitCode, '']);
    expect(human.err).toMatch(/^error: .+\n(?:hint: .+\n)?$/);
    const json = await berth(server.address, ['task', 'show', idOf('tk'), '--json']);
    expect(JSON.parse(json.err)).toMatchObject({ error: { code } });
  });

  test('a wrong command line is 2, no server is 6', async () => {
    await using server = await startScriptedServer(script);
    for (const line of [
      ['nonsense'],
      ['task', 'create'],
      ['task', 'list', '--colour'],
      ['task', 'list', '--state', 'x'],
    ])
      expect((await berth(server.address, line)).exitCode).toBe(2);
    expect((await berth(server.address, ['task', 'show', 'x'])).exitCode).toBe(2);
    expect((await berth(server.address, ['task', 'list', '--limit', 'x'])).exitCode).toBe(2);
    expect((await berth('http://127.0.0.1:1', ['task', 'list'])).exitCode).toBe(6);
  });
});
