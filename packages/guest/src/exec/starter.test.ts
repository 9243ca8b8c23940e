import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { STARTER_STATUS, writeStarter } from './starter.ts';

const folder = mkdtempSync(join(tmpdir(), 'starter-'));
afterAll(() => rmSync(folder, { recursive: true }));
// Whoever is not root can become nobody but themselves.
const uid = process.getuid?.() === 0 ? 61_234 : (process.getuid?.() ?? 0);
const starter = writeStarter(folder, uid);
chmodSync(folder, 0o711);

const run = (path: string, ...argv: readonly string[]) => {
  const { output, status } = spawnSync(starter, [path, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    cwd: '/',
  });
  return { stdout: String(output[1]), told: [...(output[STARTER_STATUS] ?? [])], status };
};

test('it becomes the user, hands the argument vector on, and nothing of its own', () => {
  const script = 'id -ru; id -u; echo $0 "$@"; test -S /dev/fd/3 || echo closed';
  const { stdout, told, status } = run('/bin/sh', 'name', '-c', script, 'zero', 'a b', '');
  expect(stdout).toBe(`${uid}\n${uid}\nzero a b \nclosed\n`);
  expect({ told, status }).toEqual({ told: [], status: 0 });
});

test('a file that the kernel does not know is a script', () => {
  const path = join(folder, 'script');
  writeFileSync(path, 'echo "$0" "$1"\n', { mode: 0o755 });
  expect(run(path, 'script', 'one')).toEqual({ stdout: `${path} one\n`, told: [], status: 0 });
});

test('what cannot be started is told by its number', () => {
  const { ENOENT, EACCES } = constants.errno;
  expect(run('/no/such/program', 'x')).toEqual({ stdout: '', told: [ENOENT], status: 127 });
  expect(run('/etc', 'x')).toEqual({ stdout: '', told: [EACCES], status: 127 });
});
