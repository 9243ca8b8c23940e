import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { piped } from '../../../src/drivers/oci/runtime/isolated-script.ts';

const run = (...parts: Parameters<typeof piped>) => {
  const { status, stdout } = spawnSync('/bin/sh', ['-c', `(set -e; ${piped(...parts)}\necho whole)`]);
  return { status, said: stdout.toString().trim().split('\n') };
};

test('a pipeline says what its last part says', () => {
  expect(run('echo one two', 'cat', "cut -d' ' -f2")).toEqual({ status: 0, said: ['two', 'whole'] });
});

test.each<[string, string, string]>([
  ['false', 'cat', 'cat'],
  ['echo one', 'false', 'cat'],
  ['echo one', 'cat', 'false'],
  ['echo one; /nowhere/program', 'cat', 'cat'],
  ['head -c 9000000 /dev/zero', 'head -c 1', 'cat'],
])('fails with each of its parts, and ends the script: %s | %s | %s', (...parts) => {
  const { status, said } = run(...parts);
  expect(status).not.toBe(0);
  expect(said).not.toContain('whole');
});
