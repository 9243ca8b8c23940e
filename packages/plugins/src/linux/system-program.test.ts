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
