import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '@berth/contract';
import { type Call, type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { expect, test } from 'vitest';
import { runCommandLine } from '../src/program.ts';
import { commits, folder, git, idOf, LOG, useCheckout, world } from './run-world.ts';
import { berth, createWorld } from './scripted-io.ts';

useCheckout();

test('imports the checkout, shows the work, and leaves the landed branch ready to merge', async () => {
  await using server = await startScriptedServer(world('completed'));
  const { exitCode, out } = await berth(
    server.address,
    ['run', 'fix it', '--repo', 'shop', '--keep', '--egress', 'packages'],
    folder,
  );
  expect(exitCode).toBe(0);
  expect(out.split('\n')).toEqual([
    `task ${idOf('tk')} in workspace shop`,
    'task spawning',
    '· sandbox (oci)',
    '✓ sandbox (oci) 1.2 s',
    '  ▸ I look',
    '  ⚙ edit a.txt',
    '! denied: example.com (allow it with --egress example.com)',
    '! denied: example.com:8443 (allow it with --egress example.com)',
    '✗ gate test: exit 1 5 ms',
    'gate red',
    '↺ back to the agent',
    '✓ landed',
    'task completed',
    '',
    ' a.txt | 2 +-',
    ' 1 file changed, 1 insertion(+), 1 deletion(-)',
    '',
    'ready: git merge --ff-only berth/main',
    '',
  ]);
  expect(git('shop', 'rev-parse', 'refs/remotes/berth/main')).toBe(commits.merge);
  expect(git('shop', 'rev-parse', 'HEAD')).toBe(commits.base);
  git('shop', 'merge', '-q', '--ff-only', 'berth/main');
  const inputs = server.calls.filter(({ route }) => route.endsWith('.create')).map(({ input }) => input);
  expect(inputs).toEqual([
    { name: 'shop', repositories: [{ name: 'shop', source: join(folder, 'shop'), branch: 'main' }] },
    { workspaceId: idOf('ws'), prompt: 'fix it', egress: { preset: 'packages' }, keepAliveMs: 86_400_000 },
  ]);
});

test('uses the workspace of the checkout again, and speaks JSON', async () => {
  await using server = await startScriptedServer(world('completed'));
  await berth(server.address, ['run', 'one', '--repo', 'shop', '--json'], folder);
  const { out } = await berth(server.address, ['run', 'two', '--repo', 'shop', '--json'], folder);
  expect(server.calls.filter(({ route }) => route === 'workspace.create')).toHaveLength(1);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(LOG.length + 2);
  expect(lines.at(-1)).toMatchObject({ landed: { branch: 'main', commit: commits.merge } });
});

const finished = async (args: readonly string[] = []) => {
  await using server = await startScriptedServer(world('completed'));
  const { out } = await berth(server.address, ['run', 'fix it', '--repo', 'shop', ...args], folder);
  return { out, created: server.calls.filter(({ route }) => route === 'workspace.create') };
};

test('says what in the checkout the task does not see', async () => {
  writeFileSync(join(folder, 'shop/a.txt'), 'half\n');
  writeFileSync(join(folder, 'shop/new.txt'), 'new\n');
  expect((await finished()).out).toContain(
    'note: the task starts from the last commit, without 2 uncommitted files',
  );
});

test('a branch that went on by itself is merged, and the next task is said to begin elsewhere', async () => {
  git('shop', 'commit', '--allow-empty', '-qm', 'mine');
  const first = await finished();
  expect(first.out).toContain('ready: git merge berth/main\n');
  expect(first.out).not.toContain('different ways');
  expect((await finished()).out).toContain('main here and the landed work (berth/main) have diverged');
  git('shop', 'merge', '-q', 'berth/main');
  expect((await finished()).out).not.toContain('different ways');
});

test('a branch that is not checked out is moved without a checkout', async () => {
  git('shop', 'checkout', '-q', '--detach');
  const { out } = await finished();
  expect(out).toContain('no branch is checked out: the work lands on main');
  const next = /ready: git (.*)/.exec(out)?.[1] ?? '';
  git('shop', ...next.split(' '));
  expect(git('shop', 'rev-parse', 'main')).toBe(commits.merge);
});

test('a remote of another origin is left alone', async () => {
  git('shop', 'remote', 'add', 'berth', 'https://example.com/berth.git');
  expect((await finished()).out).toContain('ready: git merge --ff-only berth-server/main');
  expect(git('shop', 'remote', 'get-url', 'berth')).toBe('https://example.com/berth.git');
});

test('a bare repository is a checkout too', async () => {
  execFileSync('git', ['clone', '-q', '--bare', join(folder, 'shop'), join(folder, 'bare/shop.git')]);
  await using server = await startScriptedServer(world('completed'));
  const { out } = await berth(server.address, ['run', 'fix it', '--repo', 'bare/shop.git'], folder);
  expect(out).toContain('ready: git fetch . refs/remotes/berth/main:refs/heads/main');
});

test('a task that fails ends with the code of its error', async () => {
  const error = fail('gate.red', { gateRun: idOf('gr'), failed: ['test'] }).body;
  await using server = await startScriptedServer(world('failed', { error }));
  const { exitCode, err } = await berth(server.address, ['run', 'fix it', '--repo', 'shop'], folder);
  expect([exitCode, err.split('\n')[0]]).toEqual([5, 'error: The gate failed: test.']);
});

test('outside of a checkout nothing is asked of the server', async () => {
  await using server = await startScriptedServer({});
  const { exitCode, err } = await berth(server.address, ['run', 'fix it', '--repo', '.'], folder);
  expect([exitCode, server.calls]).toEqual([2, []]);
  expect(err).toContain('not a git repository');
});

/** A change waits for a person; nothing more is told until `isOver`. */
const waitingWorld = (isOver: () => boolean): Script => {
  const script = world('completed');
  const asked = { from: 'verifying', to: 'waiting', details: { changeId: idOf('ch'), subjects: ['a.test'] } };
  const told = [
    ['change.approval_asked', idOf('ch'), asked],
    ['task.approval_asked', idOf('tk'), asked],
  ] as const;
  return {
    ...script,
    'task.get': () => ({ id: idOf('tk'), state: 'waiting' }),
    'event.stream': async function* () {
      for (const [index, [type, subject, data]] of told.entries())
        yield [
          String(index + 1),
          { seq: index + 1, id: idOf('ev'), type, version: 1, at: 1, subject, data },
        ] as const;
      while (!isOver()) await new Promise(setImmediate);
    },
  };
};

test.each([[[]], [['--json']]])('a change that waits ends what nobody attends: %j', async (more) => {
  let isOver = false;
  await using server = await startScriptedServer(waitingWorld(() => isOver));
  const { exitCode, err } = await berth(server.address, ['run', 'fix it', '--repo', 'shop', ...more], folder);
  isOver = true;
  expect(exitCode).toBe(5);
  expect(err).toContain(`berth change approve ${idOf('ch')}`);
  expect(err).toContain(`berth task logs ${idOf('tk')} --follow`);
  expect(server.calls.map(({ route }) => route)).not.toContain('task.cancel');
});

test('at a terminal Ctrl-C leaves a change that waits alone, and says how to go on', async () => {
  const scripted = createWorld();
  await using server = await startScriptedServer(
    waitingWorld(() => {
      if (scripted.out().includes('awaits approval')) scripted.interrupt();
      return scripted.err().includes('berth change approve');
    }),
  );
  const attended = {
    ...scripted,
    env: { ...scripted.env, BERTH_ADDRESS: server.address },
    cwd: folder,
    stdout: { ...scripted.stdout, isTTY: true },
  };
  expect(await runCommandLine(['run', 'fix it', '--repo', 'shop'], attended)).toBe(130);
  expect(scripted.out()).toContain(`berth change approve ${idOf('ch')}`);
  expect(server.calls.map(({ route }) => route)).not.toContain('task.cancel');
});

test('Ctrl-C cancels the task politely and waits for its end', async () => {
  let scripted = createWorld();
  const script = world('cancelled');
  await using server = await startScriptedServer({
    ...script,
    'event.stream': async function* (call: Call) {
      if (call.headers['last-event-id'] === undefined) scripted.interrupt();
      // Nothing more is told before the cancel has arrived.
      while (!server.calls.some(({ route }) => route === 'task.cancel')) await new Promise(setImmediate);
      yield* script['event.stream']?.(call) as AsyncIterable<readonly [string, unknown]>;
    },
  });
  scripted = createWorld({ BERTH_ADDRESS: server.address }, folder);
  expect(await runCommandLine(['run', 'fix it', '--repo', 'shop'], scripted)).toBe(130);
  expect(scripted.err()).toContain('cancelling the task');
});

test('a SIGTERM ends the watching and leaves the task alone', async () => {
  let scripted = createWorld();
  await using server = await startScriptedServer({
    ...world('completed'),
    'event.stream': async function* () {
      scripted.interrupt('SIGTERM');
      await new Promise(() => undefined);
    },
  });
  scripted = createWorld({ BERTH_ADDRESS: server.address }, folder);
  expect(await runCommandLine(['run', 'fix it', '--repo', 'shop'], scripted)).toBe(143);
  expect(scripted.err()).toBe(`the task continues; see berth task logs ${idOf('tk')} --follow\n`);
  expect(server.calls.map(({ route }) => route)).not.toContain('task.cancel');
});

test('a Ctrl-C that the server does not take is told with the reason', async () => {
  let scripted = createWorld();
  await using server = await startScriptedServer({
    ...world('completed'),
    'task.cancel': () => {
      throw fail('auth.forbidden', { needs: 'operator' });
    },
    'event.stream': async function* () {
      scripted.interrupt();
      await new Promise(() => undefined);
    },
  });
  scripted = createWorld({ BERTH_ADDRESS: server.address }, folder);
  expect(await runCommandLine(['run', 'fix it', '--repo', 'shop'], scripted)).toBe(130);
  expect(scripted.err()).toContain('This needs the role operator.');
});

test('task logs reads the conversation and the evidence, of a task that failed too', async () => {
  await using server = await startScriptedServer(world('failed', { changeId: undefined }));
  const { exitCode, out } = await berth(server.address, ['task', 'logs', idOf('tk'), '--follow']);
  expect([exitCode, out]).toEqual([0, '  ▸ I look\n✗ gate test: exit 1 5 ms\ngate red\nnot ok 1\n']);
});

test('what cannot be is said before anything is made', async () => {
  await using server = await startScriptedServer(world('completed'));
  const cases = [
    [['run', '', '--repo', 'shop'], '<prompt>'],
    [['run', 'x', '--repo', 'shop', '--egress', 'http://x/'], '--egress allow[0]: must be a host'],
    [['run', 'x', '--repo', 'shop', '--egress', ''], '--egress allow[0]: must be a host'],
    [['run', 'x', '--repo', '.'], 'not a git repository'],
  ] as const;
  for (const [args, said] of cases) {
    const { exitCode, err } = await berth(server.address, args, folder);
    expect([exitCode, err], said).toEqual([2, expect.stringContaining(said)]);
  }
  expect(server.calls).toEqual([]);
});
