import type { ItemBody } from '@berth/contract';
import { fail } from '@berth/contract';
import { expect, test } from 'vitest';
import { createWorld } from '../test/scripted-world.ts';
import { report } from './failure.ts';
import { createOutput } from './output.ts';
import { gateLines, itemLine } from './progress.ts';
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
    '✓ gate lint: exit 0 1.5 s\n✗ gate test: timed out 10 ms\n✗ gate build: exit by signal 10 ms\n✗ gate pack: out of memory 10 ms\ngate broken\n',
  );
});

test('failures without a code are internal', () => {
  const world = createWorld();
  expect(report(new TypeError('odd'), world, false)).toBe(1);
  expect(report('thrown', world, false)).toBe(1);
  expect(report(fail('auth.required', {}), world, false)).toBe(3);
  expect(world.err()).toMatch(/^error: odd\nerror: thrown\nerror: A valid token is needed\.\nhint: /);
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
