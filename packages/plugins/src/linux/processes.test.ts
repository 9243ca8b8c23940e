import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endNaming, gone, isAlive, kill, markOf, processesNaming } from './processes.ts';

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
    expect(await endNaming(text)).toBe(true);
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
  expect(await endNaming(text)).toBe(true);
  expect(mark && (await isAlive(mark))).toBe(false);
  kill(child.pid ?? 0);
});
