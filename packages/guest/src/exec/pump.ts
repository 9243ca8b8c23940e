/**
 * Moves the output of a process from its pipes to its logs. At the cap of `all`, output read long ago is dropped;
 * when nobody reads, or the disk is full, the pipe is left unread: the process blocks, and nothing is lost.
 */
import type { Readable } from 'node:stream';
import { GUEST_LIMITS } from '@berth/contract/guest';
import type { OutputLog } from './log.ts';

interface PumpParts {
  readonly keep: 'all' | 'tail';
  readonly logs: readonly OutputLog[];
  readonly changed: () => void;
}

export interface Pump {
  take(pipe: Readable | null, log: OutputLog): void;
  /** The process ended: drains its pipes, then calls back, even when a daemon keeps them open. */
  drain(done: () => void): void;
  /** Discards further output without blocking the writer. */
  stop(): void;
}

export const createPump = ({ keep, logs, changed }: PumpParts): Pump => {
  const pipes: Readable[] = [];
  let capBytes: number = keep === 'all' ? GUEST_LIMITS.keepAllBytes : Number.POSITIVE_INFINITY;
  let stopped = false;
  let retry: NodeJS.Timeout | undefined;
  const isFull = (): boolean => logs.reduce((sum, log) => sum + log.keptBytes, 0) >= capBytes;
  /** Left unread until there is room. */
  const held = new Set<Readable>();
  const hasRoom = (): boolean => {
    while (isFull()) if (!logs.some((log) => log.forgetRead())) return false;
    return true;
  };
  for (const log of logs)
    log.onRead = () => {
      if (held.size === 0 || !hasRoom()) return;
      for (const pipe of held) pipe.resume();
      held.clear();
    };

  /** Appends a chunk to its log now, or waits for disk space. */
  const store = (pipe: Readable, log: OutputLog, chunk: Buffer): void => {
    if (stopped) return;
    try {
      log.append(chunk);
    } catch {
      pipe.pause();
      retry = setTimeout(() => store(pipe, log, chunk), DISK_RETRY_MS);
      return;
    }
    if (!hasRoom()) held.add(pipe.pause());
    else if (pipe.isPaused()) pipe.resume();
    changed();
  };

  return {
    take: (pipe, log) => {
      if (pipe === null) return;
      pipes.push(pipe);
      pipe.on('data', (chunk: Buffer) => store(pipe, log, chunk));
      pipe.on('error', () => pipe.destroy());
    },
    drain: (done) => {
      capBytes += PIPE_BYTES;
      if (!isFull()) for (const pipe of pipes) pipe.resume();
      setTimeout(done, GUEST_LIMITS.drainMs);
    },
    stop: () => {
      stopped = true;
      clearTimeout(retry);
      for (const pipe of pipes) pipe.resume();
    },
  };
};

const DISK_RETRY_MS = 500;
/** More than the pipes of a dead process can hold. */
const PIPE_BYTES = 2 * 2 ** 20;
