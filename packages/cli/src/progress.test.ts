import { fail, type GateRun, type ItemBody } from '@berth/contract';
import type { Client } from '@berth/sdk/node';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createWorld } from '../test/scripted-io.ts';
import { report } from './failure.ts';
import { createOutput } from './output.ts';
import { createProgress, gateLines, itemLine } from './progress.ts';
import { screened } from './screen.ts';

const LINES: readonly [ItemBody, string | undefined][] = [
  [{ kind: 'message', role: 'agent', text: 'two\nlines' }, '  ▸ two lines'],
  [{ kind: 'message', role: 'user', text: 'more' }, '  ◂ more'],
  [{ kind: 'message', role: 'agent', text: ' \n' }, undefined],
  [{ kind: 'thought', text: 'hm' }, undefined],
  [{ kind: 'tool', title: 'ls', status: 'completed' }, '  ⚙ ls'],
  [{ kind: 'tool', title: 'ls', status: 'failed' }, '  ✗ ls'],
  [
    {
      kind: 'plan',
      entries: [
        { text: 'a', status: 'x' },
        { text: 'b', status: 'x' },
      ],
    },
    '  ☰ a · b',
  ],
  [{ kind: 'permission', title: 'write', decision: 'allowed' }, '  ? write: allowed'],
  [{ kind: 'notice', text: 'late' }, '  ! late'],
];

test.each(LINES)('%j', (body, line) => {
  expect(itemLine(body, createOutput(createWorld(), false))).toBe(line);
});

test('colours only at a terminal', () => {
  const world = createWorld();
  expect(createOutput(world, false).colour('red', 'x')).toBe('x');
  const terminal = screened({ ...world, isTerminal: true });
  const output = createOutput(terminal, false);
  output.line(output.colour('red', 'x\u001b[32m\ny'));
  expect(world.out()).toBe('\u001b[31mx\\u001b[32m y\u001b[0m\n');
});

test('the verdict of a gate', () => {
  const world = createWorld();
  const evidence = [
    { name: 'lint', exitCode: 0, durationMs: 1500, timedOut: false },
    { name: 'test', exitCode: null, durationMs: 10, timedOut: true },
    { name: 'build', exitCode: null, durationMs: 10, timedOut: false },
    { name: 'pack', exitCode: 0, durationMs: 10, timedOut: false, outOfMemory: true },
  ];
  gateLines(
    { state: 'broken', evidence } as unknown as Parameters<typeof gateLines>[0],
    createOutput(world, false),
  );
  expect(world.out()).toBe(
    '✓ gate lint: exit 0 1.5 s\n✗ gate test: timed out 10 ms\n✗ gate build: exit by signal 10 ms\n✗ gate pack: out of memory 10 ms\ngate broken, without a verdict\n',
  );
});

test('a gate that did not run says which one did', () => {
  const world = createWorld();
  const evidence = [{ name: 'test', exitCode: 0, durationMs: 1500, timedOut: false }];
  gateLines(
    { state: 'green', evidence, reusedFrom: 'gr_1' } as unknown as Parameters<typeof gateLines>[0],
    createOutput(world, false),
  );
  expect(world.out()).toBe('gate: reused from gr_1\n✓ gate test: exit 0 1.5 s\ngate green\n');
});

test('a gate that somebody stopped is told as interrupted, not as broken or rejected', async () => {
  const world = createWorld();
  const output = createOutput(world, false);
  const stopped = fail('work.cancelled', { reason: 'requested at the terminal' }).body;
  const gate = { state: 'broken', evidence: [], error: stopped } as unknown as GateRun;
  const client = { gates: { get: async () => gate } } as unknown as Client;
  const progress = createProgress(client, output);
  const event = (type: string, data: object) =>
    progress.event({ type, subject: 'x', data, seq: 1, id: 'ev', version: 1, at: 1 } as never);
  await event('gate.broke', { from: 'running', to: 'broken' });
  await event('change.rejected', { from: 'verifying', to: 'rejected', details: { code: stopped.code } });
  await event('change.rejected', { from: 'verifying', to: 'rejected', details: { code: 'gate.red' } });
  expect(world.out().split('\n')).toEqual([
    'gate interrupted, without a verdict: Cancelled: requested at the terminal.',
    'the landing was interrupted; nothing landed',
    '✗ the change was rejected',
    '',
  ]);
});

test('failures without a code are internal', () => {
  const world = createWorld();
  expect(report(new TypeError('odd'), world, false)).toBe(1);
  expect(report('thrown', world, false)).toBe(1);
  expect(report(z.object({ a: z.string() }).safeParse({}).error, createWorld(), false)).toBe(1);
  expect(report(fail('auth.required', {}), world, false)).toBe(3);
  expect(world.err()).toMatch(/^error: odd\nerror: thrown\nerror: A valid token is required\.\nhint: /);
});

test('facts stand with their units', () => {
  const world = createWorld();
  createOutput(world, false).facts({ uptimeMs: 7_300_000, ttlMs: 90_000, bootMs: 12, memoryBytes: 2 ** 28 });
  expect(world.out()).toBe('UPTIME  2 h\nTTL     2 min\nBOOT    12 ms\nMEMORY  256 MiB\n');
});

test('facts leave out what is absent, and tables show it as a dash', () => {
  const world = createWorld();
  const output = createOutput(world, false);
  output.facts({ id: 'a', error: undefined, limits: { cpus: 1 } });
  output.table([{ id: 'a', expiresAt: null }], ['id', 'expiresAt']);
  expect(world.out()).toBe('ID      a\nLIMITS  {"cpus":1}\nID  EXPIRES\na   -\n');
});
