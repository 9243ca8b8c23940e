import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ErrorCode, fail } from '@berth/contract';
import { type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { describe, expect, test } from 'vitest';
import { runCommandLine } from '../src/program.ts';
import { berth, createWorld } from './scripted-io.ts';

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
    expect([unknown.exitCode, unknown.err]).toEqual([
      4,
      'error: There is no workspace nowhere.\nhint: `berth workspace list` lists them.\n',
    ]);
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

  test('a SIGTERM goes to the command, whose end by it is the exit code', async () => {
    let world = createWorld();
    let [told, tell] = [false, (): void => undefined];
    await using server = await startScriptedServer({
      ...script,
      'sandbox.logs': async function* () {
        world.interrupt('SIGTERM');
        await new Promise<void>((resolve) => {
          tell = resolve;
          if (told) resolve();
        });
        yield ['0', { kind: 'exit', exitCode: null, signal: 'SIGTERM', timedOut: false, outOfMemory: false }];
      },
      'sandbox.signal': ({ input }) => {
        expect(input.signal).toBe('SIGTERM');
        told = true;
        tell();
        return {};
      },
    });
    world = createWorld({ BERTH_ADDRESS: server.address });
    const exitCode = await runCommandLine(['sandbox', 'exec', idOf('sb'), '--', 'sleep', '9'], world);
    expect([exitCode, world.err()]).toEqual([143, '']);
  });

  test('names and sentences are shown where a record has ids and codes', async () => {
    const error = { code: 'gate.red', message: 'The gate failed: test.', details: { failed: ['test'] } };
    const repositories = [{ name: 'app', source: '/app', branch: 'main', hubPath: '/hub' }];
    await using server = await startScriptedServer({
      'task.get': () => ({ ...task, workspaceId: workspace.id, error }),
      'workspace.get': () => ({ ...workspace, repositories }),
      'workspace.list': () => ({ rows: [{ ...workspace, repositories }] }),
      'change.list': () => ({ rows: [] }),
    });
    const shown = await berth(server.address, ['task', 'show', task.id]);
    expect(shown.out).toMatch(/WORKSPACE +shop\n/);
    expect(shown.out).toMatch(/ERROR +The gate failed: test\. \(gate\.red\)\n/);
    const listed = await berth(server.address, ['workspace', 'list']);
    expect(listed.out).toContain('app (main of /app)');
  });

  test('what is not there is told with the command that shows what is', async () => {
    const missing = (noun: string) => () => {
      throw fail('record.missing', { noun, id: 'x' });
    };
    await using server = await startScriptedServer({
      'task.get': missing('task'),
      'sandbox.get': missing('sandbox'),
      'workspace.list': () => ({ rows: [] }),
    });
    for (const [noun, ...line] of [
      ['task', 'task', 'show', idOf('tk')],
      ['workspace', 'workspace', 'show', 'nope'],
      ['sandbox', 'sandbox', 'shell', idOf('sb')],
    ]) {
      const { exitCode, err } = await berth(server.address, line);
      expect([exitCode, err]).toEqual([4, expect.stringContaining(`hint: \`berth ${noun} list\``)]);
    }
  });

  test('a decision is shown with the name of who decided', async () => {
    const decision = { verdict: 'approved', by: idOf('ky'), byName: 'ada', at: 1, reason: 'fine' };
    const change = { id: idOf('ch'), state: 'merged', decision };
    await using server = await startScriptedServer({ 'change.get': () => change });
    const shown = await berth(server.address, ['change', 'show', idOf('ch')]);
    expect(shown.out).toContain('DECISION  approved by ada: fine\n');
    expect(shown.out).not.toContain(idOf('ky'));
    const json = await berth(server.address, ['change', 'show', idOf('ch'), '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ decision });
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

/** Each with the place that its problem is told at, as the user wrote it. */
const WRONG_LINES: readonly (readonly [place: string, ...line: string[]])[] = [
  ['<id>: must be an id like tk_…', 'task', 'show', 'x'],
  ['<id>: must be an id like tk_…', 'task', 'logs', 'x'],
  ['<id>: must be an id like sb_…', 'sandbox', 'exec', 'x', '--', 'ls'],
  ['<exec>: must be an id like ex_…', 'sandbox', 'logs', idOf('sb'), 'x'],
  ['--limit: must be at least 1', 'task', 'list', '--limit', '0'],
  ['--limit: must be a number, not "x"', 'task', 'list', '--limit', 'x'],
  ['--limits cpus: must be a number, not "many"', 'sandbox', 'create', '--limits', 'cpus=many'],
  ['--limits colour: is not a known field', 'sandbox', 'create', '--limits', 'colour=1'],
  ['--ttl: must be a duration', 'sandbox', 'create', '--ttl', 'soon'],
  ['--ttl: must be at least 1000', 'sandbox', 'create', '--ttl', '5ms'],
  [
    '--gate commands[0].run: must not be empty',
    'workspace',
    'add',
    '.',
    '--gate',
    '{"commands":[{"name":"a","run":""}]}',
  ],
  ['--setup: is not valid JSON', 'workspace', 'add', '.', '--setup', '{'],
  ['--role', 'token', 'create', 'a', '--role', 'king'],
  ['<name>: must not be empty', 'token', 'create', '', '--role', 'viewer'],
  ['--after: must be a number, not "x"', 'events', '--after', 'x'],
  ['--after: must be at least 0', 'events', '--after=-1'],
  ['--timeout: must be a number, not "soon"', 'sandbox', 'exec', idOf('sb'), '--timeout', 'soon', '--', 'ls'],
  ['--timeout: must be at least 1', 'sandbox', 'exec', idOf('sb'), '--timeout', '0', '--', 'ls'],
];

test.each(WRONG_LINES)('is told at its place: %s', async (place, ...line) => {
  await using server = await startScriptedServer({ ...script, 'system.stats': () => ({ lastSeq: 1 }) });
  const { exitCode, err } = await berth(server.address, line);
  expect([exitCode, err]).toEqual([2, expect.stringContaining(place)]);
  expect(err).not.toMatch(
    /params|query|body|expected|received|NaN|undefined|Invalid input|too (?:small|big)/i,
  );
  expect(err).toMatch(/--help/);
});

test('a token that is refused is told with where it came from', async () => {
  await using server = await startScriptedServer(script, { token: 'good' });
  const told = async (env: Record<string, string>) => {
    const world = createWorld({ BERTH_ADDRESS: server.address, ...env });
    expect(await runCommandLine(['task', 'list'], world)).toBe(3);
    return world.err();
  };
  expect(await told({ BERTH_TOKEN: 'stale' })).toMatch(
    /rejects the token in BERTH_TOKEN.*\nhint: Unset BERTH_TOKEN/,
  );
  expect(await told({ BERTH_HOME: '/nowhere/berth' })).toMatch(
    /no token .*\/nowhere\/berth\/owner-token does not exist.*\nhint: .*--home/,
  );
  const home = mkdtempSync(join(tmpdir(), 'berth-token-'));
  writeFileSync(join(home, 'owner-token'), 'of another server');
  expect(await told({ BERTH_HOME: home })).toContain(`rejects the token in ${home}/owner-token`);
  rmSync(home, { recursive: true });
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
