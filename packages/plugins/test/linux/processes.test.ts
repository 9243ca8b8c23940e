import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, it } from 'vitest';
import { endNaming, gone, isAlive, kill, markOf, processesNaming } from '../../src/linux/processes.ts';

const LOOKS = 40;
/** Exchanges its program for itself without an end, so that most looks meet it in the middle of that. */
const RESTLESS = '#!/bin/sh\nexec "$0" "$@"\n';

const restless = async (args: readonly string[], env: NodeJS.ProcessEnv) => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-processes-'));
  const program = join(folder, 'restless');
  await writeFile(program, RESTLESS);
  await chmod(program, 0o755);
  const child = spawn(program, args, { stdio: 'ignore', env });
  const ended = once(child, 'exit');
  return {
    pid: child.pid ?? 0,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
};

it.each(['arguments', 'environment'])(
  'a process that exchanges its program is found by its %s in every look',
  { timeout: 60_000 },
  async (by) => {
    const text = `mark-${randomUUID()}`;
    const named = by === 'arguments';
    await using child = await restless(named ? [text] : [], { PATH: '/bin', MARK: named ? '' : text });
    for (let look = 0; look < LOOKS; look += 1)
      expect((await processesNaming(text)).map(({ pid }) => pid)).toEqual([child.pid]);
    expect(await endNaming(text)).toEqual([]);
    expect((await child.ended)[1]).toBe('SIGKILL');
    expect(await processesNaming(text)).toEqual([]);
  },
);

it('descendants count, a number used again by another process does not', async () => {
  const text = `mark-${randomUUID()}`;
  const child = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; wait', text], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [said] = await once(child.stdout, 'data');
  const mark = await markOf(Number(String(said)));
  expect(await processesNaming(text)).toContainEqual(mark);
  expect(mark && (await isAlive(mark))).toBe(true);
  expect(mark && (await isAlive({ ...mark, startTicks: mark.startTicks - 1 }))).toBe(false);
  expect(await gone(mark ? [mark] : [], 20)).toBe(false);
  expect(await endNaming(text)).toEqual([]);
  expect(mark && (await isAlive(mark))).toBe(false);
  kill(child.pid ?? 0);
});

it("another user's process is named, not waited for, and keeps none of ours", async () => {
  expect(process.getuid?.(), 'only root can become another user').toBe(0);
  const text = `mark-${randomUUID()}`;
  const argv = ['-c', 'while :; do sleep 1000; done', text];
  const foreign = spawn('/bin/sh', argv, { stdio: 'ignore' });
  const script = `
    import { spawn } from 'node:child_process';
    import { endNaming } from ${JSON.stringify(new URL('../../src/linux/processes.ts', import.meta.url).href)};
    process.setuid(712_345);
    const [text, ...argv] = ${JSON.stringify([text, ...argv])};
    const own = spawn('/bin/sh', argv, { stdio: 'ignore' });
    let signal;
    own.once('exit', (_, by) => { signal = by });
    const left = await endNaming(text);
    console.log(JSON.stringify({ left: left.map(({ pid }) => pid), signal }));`;
  const other = spawn(process.execPath, ['--input-type=module'], { stdio: ['pipe', 'pipe', 'inherit'] });
  other.stdin.end(script);
  const [said] = await once(other.stdout, 'data');
  const { left, signal } = JSON.parse(String(said));
  // With the child that it waits for.
  expect(left).toContain(foreign.pid);
  expect(left).toHaveLength(2);
  expect(signal).toBe('SIGKILL');
  for (const pid of left) kill(pid);
});
