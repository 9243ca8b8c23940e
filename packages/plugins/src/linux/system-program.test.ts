import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test, vi } from 'vitest';
import { runSystemProgram } from './system-program.ts';

afterEach(() => vi.restoreAllMocks());

test('a program that does not end in time is ended', async () => {
  expect(await runSystemProgram(['sleep', '60'], 50)).toMatchObject({ code: null });
});

test('one that cannot be ended is told, and ends nothing else', async () => {
  const [kill, groups] = [process.kill.bind(process), [] as number[]];
  vi.spyOn(process, 'kill').mockImplementation((group) => {
    groups.push(group);
    throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
  });
  await expect(runSystemProgram(['sleep', '60'], 50)).rejects.toMatchObject({ code: 'EPERM' });
  for (const group of groups) kill(group, 'SIGKILL');
});

test('without a descriptor left every start is refused, and nothing ends because of it', async () => {
  const at = (path: string): string => new URL(path, import.meta.url).href;
  const program = `
    import { openSync } from 'node:fs';
    import { runSystemProgram } from '${at('./system-program.ts')}';
    import { createForkServer } from '${at('../drivers/oci/runtime/fork-server.ts')}';
    const surroundings = { surround: [], prepare: 'after() { :; }', args: [], path: '/bin' };
    const server = createForkServer(surroundings);
    let isFull = false;
    try { for (;;) openSync('/dev/null') } catch { isFull = true }
    const call = { argv: ['true'], log: '/dev/null' };
    const tried = await Promise.allSettled([runSystemProgram(['true']), server.run(call, AbortSignal.timeout(5000))]);
    if (isFull) console.log(tried.map(({ reason }) => reason?.code).join(' '));`;
  const argv = [
    '-c',
    'ulimit -n 64; exec "$@"',
    'few',
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ];
  const { stdout } = await promisify(execFile)('/bin/sh', argv);
  expect(stdout.trim()).toBe('EMFILE EMFILE');
});
