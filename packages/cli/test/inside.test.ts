/** `sandbox exec` and `logs`, `doctor`, `status` and `events`, in every way in which they can end. */
import { type Script, startScriptedServer } from '@berth/sdk/scripted-server';
import { expect, test } from 'vitest';
import { berth } from './scripted-io.ts';

const id = `sb_${'1'.repeat(20)}`;
const execId = `ex_${'1'.repeat(20)}`;

const ended = (exit: object): Script => ({
  'sandbox.exec': () => ({ execId, stdout: '', stderr: '', truncated: false, durationMs: 1 }),
  'sandbox.logs': async function* () {
    yield ['0', { kind: 'lagged', stream: 'stdout', cursor: 5 }];
    yield ['0', { kind: 'output', stream: 'stdout', cursor: 5, text: 'rest\n' }];
    yield ['0', { kind: 'exit', exitCode: null, timedOut: false, outOfMemory: false, ...exit }];
  },
});

test.each([
  [{ exitCode: 0 }, 0],
  [{ exitCode: 7 }, 7],
  [{ timedOut: true }, 124],
  [{ signal: 'SIGKILL' }, 137],
  [{ signal: 'SIGINT' }, 130],
])('a command that ends with %o is exit code %i', async (exit, exitCode) => {
  await using server = await startScriptedServer(ended(exit));
  const ran = await berth(server.address, ['sandbox', 'exec', id, '--', 'true']);
  expect(ran).toMatchObject({ exitCode, out: 'rest\n' });
  expect(ran.err).toContain('dropped');
  expect((await berth(server.address, ['sandbox', 'logs', id, execId])).exitCode).toBe(exitCode);
});

test('output is lines of JSON for programs, and a detached command is known by its id', async () => {
  await using server = await startScriptedServer(ended({ exitCode: 0 }));
  const told = await berth(server.address, ['sandbox', 'exec', id, '--json', '--', 'true']);
  expect(
    told.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).kind),
  ).toEqual(['lagged', 'output', 'exit']);
  const line = ['sandbox', 'exec', id, '--detach', '--cwd', '/tmp', '--timeout', '1.5'];
  expect((await berth(server.address, [...line, '--', 'sleep', '9'])).out).toBe(`${execId}\n`);
  expect(server.calls.at(-1)?.input).toMatchObject({ argv: ['sleep', '9'], cwd: '/tmp', timeoutMs: 1500 });
  expect(JSON.parse((await berth(server.address, [...line, '--json', '--', 'true'])).out)).toEqual({
    execId,
  });
});

const checks = [
  { name: 'git', ok: true, detail: 'git 2' },
  { name: 'oci', ok: false, detail: 'no runtime', hint: 'apt-get install crun' },
  { name: 'models', ok: false, detail: 'none' },
];

test('the doctor says what is missing and what to do, and status says how things are', async () => {
  await using server = await startScriptedServer({
    'system.doctor': () => ({ checks }),
    'system.health': () => ({ status: 'ok', version: '1', uptimeMs: 5, checks: [] }),
    'system.stats': () => ({ tasks: { queued: 1 }, lastSeq: 9 }),
  });
  const sick = await berth(server.address, ['doctor']);
  expect(sick.exitCode).toBe(6);
  expect(sick.out).toContain('apt-get install crun');
  const json = await berth(server.address, ['doctor', '--json']);
  expect(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).name),
  ).toEqual(['git', 'oci', 'models']);
  expect(JSON.parse((await berth(server.address, ['status', '--json'])).out)).toMatchObject({
    health: { status: 'ok' },
    stats: { lastSeq: 9 },
  });
});

test('a doctor with nothing to say is exit code 0', async () => {
  await using server = await startScriptedServer({ 'system.doctor': () => ({ checks: checks.slice(0, 1) }) });
  expect((await berth(server.address, ['doctor'])).exitCode).toBe(0);
});
