/** Waits for a guest without polling: inotify reports when its socket appears. */
import { watch } from 'node:fs';
import type { Socket } from 'node:net';
import { connectWithin } from './guest-socket.ts';

const REFUSED_PAUSE_MS = 3;

export interface Awaited {
  readonly folder: string;
  readonly socket: string;
  /** Aborted: rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Call it before the guest starts; resolves when a connection has succeeded (and closes it). */
export const guestReady = (awaited: Awaited): Promise<void> => {
  const ready = untilReady(awaited);
  // The caller awaits it later; an abort before that must not be an unhandled rejection.
  ready.catch(() => undefined);
  return ready;
};

const untilReady = ({ folder, socket, signal }: Awaited): Promise<void> =>
  new Promise((resolve, reject) => {
    const watcher = watch(folder, { persistent: true });
    let trying = false;
    // An event during an attempt, which may have checked too early to see it.
    let missed = false;
    const settle = (act: () => void): void => {
      watcher.close();
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    const attempt = (): void => {
      missed = trying;
      if (trying || signal.aborted) return;
      trying = true;
      connectWithin(folder, socket).then(
        (connection: Socket) => {
          connection.destroy();
          settle(resolve);
        },
        (error: NodeJS.ErrnoException) => {
          trying = false;
          // Between bind and listen the entry exists and refuses; nothing announces the listen.
          if (error.code === 'ECONNREFUSED') setTimeout(attempt, REFUSED_PAUSE_MS);
          else if (error.code !== 'ENOENT') settle(() => reject(error));
          else if (missed) attempt();
        },
      );
    };
    watcher.on('change', attempt);
    watcher.on('error', (error) => settle(() => reject(error)));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else attempt();
  });
