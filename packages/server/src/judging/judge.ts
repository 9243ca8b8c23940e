/**
 * Reads hostile text in threads of its own, so that no pattern can stop the server: a thread that computes for too long
 * or needs too much memory is ended, and the text counts as unreadable.
 */
import { Worker } from 'node:worker_threads';
import type { Judge, ReadSide } from '@berth/core/judge';
import { Stopped } from '@berth/core/kernel';
import type { FromWorker, Request } from './messages.ts';

export interface JudgeOptions {
  /** Milliseconds that a request may compute; waiting for files is not counted. Default: a minute. */
  readonly limitMs?: number;
}

export interface ServerJudge extends Judge {
  /** Ends what is being read; its callers get an error. */
  close(): Promise<void>;
}

const LIMIT_MS = 60_000;
/** More would take the processor from the server itself. */
const MAX_THREADS = 2;
const MAX_THREAD_MEBIBYTES = 512;
const OUT_OF_MEMORY = 'ERR_WORKER_OUT_OF_MEMORY';

/** The bundle has the worker beside it under another name (`tools/prepare.mjs`). */
const FILE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './judge-worker.mjs', import.meta.url);

export const createJudge = ({ limitMs = LIMIT_MS }: JudgeOptions = {}): ServerJudge => {
  const idle: Worker[] = [];
  const threads = new Set<Worker>();
  const waiting: (() => void)[] = [];
  let isClosed = false;
  let taken = 0;

  const open = (): Worker => {
    const worker = new Worker(FILE, {
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MAX_THREAD_MEBIBYTES },
    });
    threads.add(worker);
    worker.once('exit', () => threads.delete(worker));
    // Of a thread that is being ended; without a listener an error would end the server.
    worker.on('error', () => undefined);
    return worker;
  };

  const ask = async (request: Request, read: ReadSide, signal: AbortSignal): Promise<unknown> => {
    if (taken >= MAX_THREADS) await new Promise<void>((resolve) => waiting.push(resolve));
    else taken += 1;
    try {
      signal.throwIfAborted();
      if (isClosed) throw new Stopped('the server is stopping');
      const worker = idle.pop() ?? open();
      worker.ref();
      const outcome = await converse(worker, { request, read, signal, limitMs });
      if (outcome !== 'unreadable' && 'result' in outcome && !isClosed) {
        // An idle thread does not keep the process alive.
        worker.unref();
        idle.push(worker);
      } else await worker.terminate();
      if (outcome === 'unreadable') return undefined;
      if ('error' in outcome) throw outcome.error;
      return outcome.result;
    } finally {
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    }
  };

  return {
    compare: (comparison, read, signal) =>
      ask({ type: 'compare', comparison }, read, signal) as ReturnType<Judge['compare']>,
    testsIn: (output, signal) =>
      ask({ type: 'tests', output }, noFiles, signal) as ReturnType<Judge['testsIn']>,
    alter: (file, signal) => ask({ type: 'alter', file }, noFiles, signal) as ReturnType<Judge['alter']>,
    close: async () => {
      isClosed = true;
      await Promise.all([...threads].map((worker) => worker.terminate()));
    },
  };
};

const noFiles: ReadSide = async () => undefined;

interface Conversation {
  readonly request: Request;
  readonly read: ReadSide;
  readonly signal: AbortSignal;
  readonly limitMs: number;
}

type Outcome =
  | { readonly result: unknown }
  /** Of the thread, or of a read. */
  | { readonly error: unknown }
  | 'unreadable';

/** Sends one request to a thread, and files to it as it asks for them. A thread is used again only if it has answered. */
const converse = (worker: Worker, { request, read, signal, limitMs }: Conversation): Promise<Outcome> => {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const fails = (error: unknown): void => resolve({ error });
  const clock = computingClock(limitMs, () => resolve('unreadable'));

  const onMessage = (message: FromWorker): void => {
    if (message.type !== 'read') {
      resolve(message.type === 'done' ? { result: message.result } : { error: message.error });
      return;
    }
    clock.pause();
    read(message.side, message.repository, message.path).then((text) => {
      clock.resume();
      worker.postMessage({ type: 'text', read: message.read, text });
    }, fails);
  };
  const onError = (error: NodeJS.ErrnoException): void =>
    error.code === OUT_OF_MEMORY ? resolve('unreadable') : fails(error);
  const onExit = (): void => fails(new Stopped('the thread that reads the change has ended'));
  const onAbort = (): void => fails(signal.reason);
  worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  signal.addEventListener('abort', onAbort, { once: true });
  worker.postMessage(request);
  return promise.finally(() => {
    clock.stop();
    signal.removeEventListener('abort', onAbort);
    worker.off('message', onMessage).off('error', onError).off('exit', onExit);
  });
};

/** Runs except while at least one read is pending. */
const computingClock = (limitMs: number, onEnd: () => void) => {
  let leftMs = limitMs;
  let startedAt = performance.now();
  let reading = 0;
  let timer: NodeJS.Timeout | undefined = setTimeout(onEnd, leftMs);
  return {
    pause: (): void => {
      reading += 1;
      if (reading > 1) return;
      clearTimeout(timer);
      leftMs -= performance.now() - startedAt;
    },
    resume: (): void => {
      reading -= 1;
      if (reading > 0) return;
      startedAt = performance.now();
      timer = setTimeout(onEnd, Math.max(0, leftMs));
    },
    stop: (): void => {
      // No read that is still pending may start it again.
      reading = Number.POSITIVE_INFINITY;
      clearTimeout(timer);
    },
  };
};
