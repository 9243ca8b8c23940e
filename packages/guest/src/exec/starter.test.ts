import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { BLOCK_BYTES, encodeStart, type Start } from './start-block.ts';
import { STARTER_CONTROL, writeStarter } from './starter.ts';

const folder = mkdtempSync(join(tmpdir(), 'starter-'));
afterAll(() => rmSync(folder, { recursive: true }));
// Whoever is not root can become nobody but themselves.
const uid = process.getuid?.() === 0 ? 61_234 : (process.getuid?.() ?? 0);
const starter = writeStarter(folder, uid);
chmodSync(folder, 0o711);
const { ENOENT, EACCES } = constants.errno;

const script = join(folder, 'script');
writeFileSync(script, 'echo "$0" "$1"\n', { mode: 0o755 });

describe('with arguments', () => {
  const run = (path: string, ...argv: readonly string[]) => {
    const { output, status } = spawnSync(starter, [path, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      cwd: '/',
    });
    return { stdout: String(output[1]), told: [...(output[STARTER_CONTROL] ?? [])], status };
  };

  test('it becomes the user, hands the argument vector on, and nothing of its own', () => {
    const line = 'id -ru; id -u; echo $0 "$@"; test -S /dev/fd/3 || echo closed';
    const { stdout, told, status } = run('/bin/sh', 'name', '-c', line, 'zero', 'a b', '');
    expect(stdout).toBe(`${uid}\n${uid}\nzero a b \nclosed\n`);
    expect({ told, status }).toEqual({ told: [], status: 0 });
  });

  test('a file that the kernel does not know is a script', () => {
    expect(run(script, 'script', 'one')).toEqual({ stdout: `${script} one\n`, told: [], status: 0 });
  });

  test('what cannot be started is told by its number', () => {
    expect(run('/no/such/program', 'x')).toEqual({ stdout: '', told: [ENOENT], status: 127 });
    expect(run('/etc', 'x')).toEqual({ stdout: '', told: [EACCES], status: 127 });
  });
});

describe('without', () => {
  const wait = () => {
    const child = spawn(starter, [], { env: {}, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    return { child, control: child.stdio[STARTER_CONTROL] as Duplex };
  };
  const ended = async (child: ChildProcess) => {
    const [stdout, told, [status]] = await Promise.all([
      text(child.stdout as Readable),
      buffer(child.stdio[STARTER_CONTROL] as Duplex),
      once(child, 'exit'),
    ]);
    return { stdout, told: [...told], status };
  };
  const startOf = (start: Partial<Start> & Pick<Start, 'path' | 'argv'>): Buffer =>
    encodeStart({ cwd: '/', env: {}, inputless: true, held: false, ...start });
  const run = (start: Partial<Start> & Pick<Start, 'path' | 'argv'>) => {
    const { child, control } = wait();
    control.write(startOf(start));
    return ended(child);
  };

  test('it becomes what it is told, in that folder, with that environment and nothing of its own', async () => {
    const line =
      'id -u; pwd; echo $0 "$@"; test -e /proc/$$/fd/3 || echo closed; readlink /proc/$$/fd/0; tr "\\0" "\\n" < /proc/$$/environ';
    const argv = ['name', '-c', line, 'zero', 'a b', ''];
    const env = { B: 'ü', 'a//b:c': '' };
    const { stdout, told, status } = await run({ path: '/bin/sh', argv, cwd: '/proc', env });
    expect(stdout).toBe(`${uid}\n/proc\nzero a b \nclosed\n/dev/null\nB=ü\na//b:c=\n`);
    expect({ told, status }).toEqual({ told: [0], status: 0 });
  });

  test('it reads a long command that comes in pieces, and no more', async () => {
    const word = 'x'.repeat(100_000);
    const { child, control } = wait();
    const argv = ['sh', '-c', 'cat; printf %s "$@" | wc -c', 'sh', ...Array.from({ length: 12 }, () => word)];
    const start = startOf({ path: '/bin/sh', argv, inputless: false });
    for (const [from, to] of [
      [0, 3],
      [3, 9],
      [9, start.length],
    ]) {
      control.write(start.subarray(from, to));
      // So that it is read by itself.
      await setImmediate();
    }
    child.stdin?.end('typed\n');
    expect(await ended(child)).toEqual({ stdout: 'typed\n1200000\n', told: [0], status: 0 });
  });

  test('a file that the kernel does not know is a script', async () => {
    const { stdout } = await run({ path: script, argv: ['script', 'one'] });
    expect(stdout).toBe(`${script} one\n`);
  });

  test('what fails is told by its number', async () => {
    const sh = { path: '/bin/sh', argv: ['sh'] };
    expect(await run({ path: '/no', argv: ['x'] })).toEqual({ stdout: '', told: [0, ENOENT], status: 127 });
    expect(await run({ ...sh, cwd: '/no' })).toEqual({ stdout: '', told: [0, ENOENT], status: 127 });
    expect(() => startOf({ ...sh, argv: ['a\0b'] })).toThrow('EINVAL');
    expect(() => startOf({ ...sh, cwd: 'x'.repeat(BLOCK_BYTES) })).toThrow('E2BIG');
  });

  test('one that is held says so when only its program is left to start, and waits', async () => {
    const { child, control } = wait();
    control.write(startOf({ path: '/bin/echo', argv: ['echo', 'ran'], held: true }));
    const said: number[] = [];
    while (said.length < 2) said.push(...((await once(control, 'data'))[0] as Buffer));
    expect(said).toEqual([0, 0]);
    expect(child.stdout?.readableLength).toBe(0);
    control.write('\n');
    expect(await ended(child)).toMatchObject({ stdout: 'ran\n', status: 0 });
  });

  test('it ends, and runs nothing, when whoever should tell it has ended', async () => {
    const half = wait();
    half.control.end(startOf({ path: '/bin/echo', argv: ['echo', 'ran'] }).subarray(0, 80));
    expect(await ended(half.child)).toEqual({ stdout: '', told: [], status: 127 });
    const held = wait();
    held.control.end(startOf({ path: '/bin/echo', argv: ['echo', 'ran'], held: true }));
    expect(await ended(held.child)).toEqual({ stdout: '', told: [0, 0], status: 127 });
  });
});
