import type { Evidence } from '@berth/contract';
import type { ExecSpec, RunResult, Sandbox } from '@berth/plugin-api';
import { expect, test } from 'vitest';
import { directJudge } from './judge.ts';
import { failedIn, missingTools, runGate } from './run.ts';

const ended = (over: Partial<RunResult>): RunResult => ({
  exitCode: 0,
  timedOut: false,
  outOfMemory: false,
  durationMs: 5,
  stdout: '',
  stderr: '',
  truncated: false,
  ...over,
});

/** A sandbox that answers each shell line from a table and remembers what it was asked. */
const sandboxOf = (results: Record<string, Partial<RunResult>>) => {
  const asked: ExecSpec[] = [];
  const sandbox = {
    root: '/workspace',
    run: async (spec: ExecSpec) => {
      asked.push(spec);
      return ended(results[spec.argv[2] ?? ''] ?? {});
    },
  } as Partial<Sandbox> as Sandbox;
  return { asked, sandbox };
};

const command = (run: string) => ({ name: run, run, repository: 'app', timeoutMs: 700, needs: [] });
const gate = (sandbox: Sandbox, commands: string[], signal = new AbortController().signal) => ({
  sandbox,
  commands: commands.map(command),
  judgedBy: 'target' as const,
  execId: (_: unknown, index: number) => `ex_${index}`,
  judge: directJudge,
  signal,
});

test('runs every command in its repository, also after a red one, with the evidence of each', async () => {
  const { asked, sandbox } = sandboxOf({ a: { exitCode: 2, stdout: 'boom' }, b: {} });
  const evidence = await runGate(gate(sandbox, ['a', 'b']));
  expect(asked.map((spec) => [spec.id, spec.argv, spec.cwd, spec.timeoutMs])).toEqual([
    ['ex_0', ['/bin/sh', '-c', 'a'], '/workspace/app', 700],
    ['ex_1', ['/bin/sh', '-c', 'b'], '/workspace/app', 700],
  ]);
  expect(evidence[0]).toMatchObject({ name: 'a', exitCode: 2, logTail: 'boom' });
  expect(failedIn(evidence)).toEqual(['a']);
});

test.each([
  { exitCode: 1 },
  { exitCode: null },
  { exitCode: 0, timedOut: true },
  { exitCode: 0, outOfMemory: true },
])('%o is not a pass', async (result) => {
  const { sandbox } = sandboxOf({ a: result });
  expect(failedIn(await runGate(gate(sandbox, ['a'])))).toEqual(['a']);
});

test('no evidence is not a pass', () => {
  expect(failedIn([])).not.toEqual([]);
});

test('a cancelled gate starts no further command', async () => {
  const { asked, sandbox } = sandboxOf({});
  await expect(runGate(gate(sandbox, ['a'], AbortSignal.abort(new Error('stop'))))).rejects.toThrow('stop');
  expect(asked).toEqual([]);
});

const red = (command: string, logTail: string, exitCode = 127): Evidence => ({
  ...{ name: 'x', repository: 'app', command, judgedBy: 'target', exitCode, logTail },
  ...{ timedOut: false, outOfMemory: false, durationMs: 1 },
});

test('tools that the sandbox does not have are named, when nothing else is wrong', () => {
  const go = red('go test ./...', 'sh: 1: go: not found\n');
  const python = red(
    'PATH="$PWD/.venv/bin:$PATH" python3 -m pytest',
    'sh: line 1: python3: command not found\n',
  );
  expect(missingTools([go, red('true', '', 0), python, go])).toEqual(['go', 'python3']);
  expect(missingTools([go, red('npm run test', 'sh: 1: vitest: not found\n')])).toEqual([]);
  expect(missingTools([red('go test', 'go: not found', 1)])).toEqual([]);
  expect(missingTools([])).toEqual([]);
});
