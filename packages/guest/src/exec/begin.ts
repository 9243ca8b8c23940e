/** Whether a new process has taken on its program. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { STARTER_STATUS } from './starter.ts';

class NotBegun extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Rejects with the system's error. */
export const systemBegan = async (child: ChildProcess): Promise<void> => {
  if (child.pid !== undefined) return;
  const { promise, reject } = Promise.withResolvers<never>();
  child.once('error', reject);
  await promise;
};

/**
 * The same, of one that goes by the starter. One that commands keep from getting there is ended after a while, and was
 * waited for by nobody but who asked for it.
 */
export const starterBegan = async (child: ChildProcess, kill: () => void): Promise<void> => {
  await systemBegan(child);
  const status = child.stdio[STARTER_STATUS] as Readable; // A pipe, or there is no process.
  const { promise, resolve } = Promise.withResolvers<void>();
  let failure = 0;
  status.on('data', (bytes: Buffer) => {
    failure = bytes[0] ?? 0;
  });
  // Whoever cannot be ended is said here, and is waited for no longer.
  child.on('error', () => resolve());
  status
    .once('end', resolve)
    .once('error', () => resolve())
    .once('close', resolve);
  const timer = setTimeout(async () => {
    // After a pause of the whole machine this comes first, and what happened meanwhile next.
    await setImmediate();
    if (status.readableEnded || status.destroyed) return;
    failure = constants.errno.ETIMEDOUT;
    kill();
  }, GUEST_LIMITS.execBeginMs);
  await promise;
  clearTimeout(timer);
  status.destroy();
  if (failure !== 0) throw new NotBegun(NAMES.get(failure) ?? `errno ${failure}`);
};

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
