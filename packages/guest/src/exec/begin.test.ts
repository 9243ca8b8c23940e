import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { afterEach, expect, it, vi } from 'vitest';
import { beginIn, NotTaken } from './begin.ts';

afterEach(() => vi.useRealTimers());

/** A process in the place of a starter, which does something else with what it is told. */
const starterThat = async (script: string, isSpare: boolean) => {
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  await once(child, 'spawn');
  for (const pipe of child.stdio) pipe?.on('error', () => undefined);
  return { child, isSpare };
};
const block = Buffer.from('x\n');

it('a program that does not begin and that may not be ended is refused, and the guest survives', async () => {
  const starter = await starterThat('exec sleep 60', false);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { begun } = beginIn(starter, block, () => undefined);
  const refused = expect(begun).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await vi.advanceTimersByTimeAsync(GUEST_LIMITS.execBeginMs);
  await refused;
  starter.child.kill('SIGKILL');
});

it('a spare process that does not read its command is ended, and the command is for another', async () => {
  const starter = await starterThat('exec sleep 60', true);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { begun } = beginIn(starter, block, () => starter.child.kill('SIGKILL'));
  const replaced = expect(begun).rejects.toBeInstanceOf(NotTaken);
  await vi.advanceTimersByTimeAsync(GUEST_LIMITS.spareTakeMs);
  await replaced;
  expect(starter.child.killed).toBe(true);
});

it('one that had read it when it was ended is not replaced: its command may have run', async () => {
  const starter = await starterThat('read _ <&3; printf "\\0" >&3; exec sleep 60', true);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { begun } = beginIn(starter, block, () => starter.child.kill('SIGKILL'));
  const refused = expect(begun).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  await vi.advanceTimersByTimeAsync(GUEST_LIMITS.spareTakeMs + GUEST_LIMITS.execBeginMs);
  await refused;
});

it('one that had ended before anybody listened to its pipe is not waited for', async () => {
  const starter = await starterThat('exit 0', true);
  const [, , , control] = starter.child.stdio;
  if (control === undefined || control === null) throw new Error('no control pipe');
  await once(control, 'close');
  await expect(beginIn(starter, block, () => undefined).begun).rejects.toBeInstanceOf(NotTaken);
});
