/** Sends a starter its command, and waits until it has exec'd it. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { GUEST_LIMITS } from '@berth/contract/guest';
import { StartError } from './start-block.ts';
import { controlOf, type Starter } from './starters.ts';

export interface Beginning {
  /**
   * Resolves when the program runs, or waits for `release`. Rejects with the system's error, or with `NotTaken`; then
   * none of the command has run or will run.
   */
  readonly begun: Promise<void>;
  /** Starts a held command. */
  release(): void;
  /** Calls back with the system's code when a held command could not exec its program. */
  onFailure(tell: (code: string) => void): void;
}

/** A spare process ended, or did not answer and was killed, before it had read its command. */
export class NotTaken extends Error {}

/** `block`: the command. `kill` kills the process, whichever user it has become, as far as possible. */
export const beginIn = ({ child, isSpare }: Starter, block: Buffer, kill: () => void): Beginning => {
  const control = controlOf(child);
  if (child.pid === undefined || control === undefined) return noProcess(child);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let taken = false;
  let killed = false;
  let failure = '';
  let tellFailure: ((code: string) => void) | undefined;
  const settle = (): void => {
    clearTimeout(timer);
    if (killed && taken) failure = 'ETIMEDOUT';
    if (failure !== '') reject(new StartError(failure));
    else if (taken || !isSpare) resolve();
    else reject(new NotTaken());
  };
  const end = (): void => {
    killed = true;
    kill();
  };
  const giveUp = (): void => {
    end();
    // One that cannot be killed is not waited for.
    failure = 'ETIMEDOUT';
    settle();
  };
  /** Whether it had read the command is known once its pipe ends. */
  const replace = (): void => {
    if (!taken) end();
    timer = lateOn(control, giveUp, GUEST_LIMITS.execBeginMs);
  };
  let timer = isSpare
    ? lateOn(control, replace, GUEST_LIMITS.spareTakeMs)
    : lateOn(control, giveUp, GUEST_LIMITS.execBeginMs);
  control.on('data', (bytes: Buffer) => {
    for (const byte of bytes) {
      if (byte !== 0) {
        failure = NAMES.get(byte) ?? `errno ${byte}`;
        tellFailure?.(failure);
      } else if (taken) settle();
      else taken = true;
    }
  });
  // A spare may have ended before anybody listened: its pipe's end comes before the news of its exit.
  if (control.readableEnded || control.destroyed) settle();
  else control.once('end', settle).once('close', settle).write(block);
  return {
    begun: promise,
    release: () => void control.write('\n'),
    onFailure: (tell) => {
      tellFailure = tell;
    },
  };
};

/** Unless it ends first. */
const lateOn = (control: Duplex, act: () => void, ms: number): NodeJS.Timeout =>
  setTimeout(async () => {
    // After a pause of the whole machine this timer fires first, then the events of the meantime.
    await setImmediate();
    if (!control.readableEnded && !control.destroyed) act();
  }, ms);

const noProcess = (child: ChildProcess): Beginning => {
  const { promise, reject } = Promise.withResolvers<void>();
  child.once('error', reject);
  return { begun: promise, release: () => undefined, onFailure: () => undefined };
};

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
