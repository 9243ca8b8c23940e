/**
 * A command as a child process, with a sandbox's promises about commands: kept output read by cursor, input by
 * offset, signals to the whole process group.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fail } from '@berth/contract';
import type { ExecChunk, ExecCursor, ExecExit, ExecSpec, Process } from '../../src/sandbox.ts';

const KEPT_BYTES = { all: 64 * 2 ** 20, tail: 2 ** 20 };
/** How long to wait for output after the process has ended (a child may hold the pipe for ever). */
const DRAIN_MS = 250;

interface LocalSpec extends ExecSpec {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Rejects with `exec.not_startable`. */
export const startLocalProcess = async (spec: LocalSpec): Promise<Process> => {
  const [program, ...args] = spec.argv;
  const child = spawn(program, args, { cwd: spec.cwd, env: { ...spec.env }, detached: true });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw fail(
      'exec.not_startable',
      { command: program, reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    );
  }
  return follow(spec, child);
};

interface Kept {
  readonly stdout: ByteLog;
  readonly stderr: ByteLog;
  exit: ExecExit | undefined;
  /** Why it could not be killed at its timeout, passed to every reader. */
  failure: unknown;
  /** Wakes every reader; replaced each time. */
  changed: PromiseWithResolvers<void>;
}

const follow = (spec: LocalSpec, child: ChildProcess): Process => {
  const cap = KEPT_BYTES[spec.keep ?? 'tail'];
  const kept: Kept = {
    stdout: createByteLog(cap),
    stderr: createByteLog(cap),
    exit: undefined,
    failure: undefined,
    changed: Promise.withResolvers(),
  };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.on('data', (bytes: Uint8Array) => {
      kept[stream].append(bytes);
      wake(kept);
    });
  watchExit(spec, child, kept);
  const input = createInput(child);
  return {
    id: spec.id,
    output: (from, signal) => readOutput(kept, from ?? { stdout: 0, stderr: 0 }, signal),
    ...input,
    signal: async (name) => killGroup(child, name),
  };
};

const watchExit = (spec: LocalSpec, child: ChildProcess, kept: Kept): void => {
  const startedAt = performance.now();
  let timedOut = false;
  const timer =
    spec.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          try {
            killGroup(child, 'SIGKILL');
          } catch (error) {
            // A timer has no caller to throw to.
            kept.failure = error;
            wake(kept);
          }
        }, spec.timeoutMs);
  child.once('exit', (exitCode, signal) => {
    clearTimeout(timer);
    const end = () => {
      kept.exit ??= {
        exitCode,
        ...(signal === null ? {} : { signal }),
        timedOut,
        outOfMemory: false,
        durationMs: Math.round(performance.now() - startedAt),
      };
      wake(kept);
    };
    child.once('close', end);
    setTimeout(end, DRAIN_MS).unref();
  });
};

const createInput = (child: ChildProcess): Pick<Process, 'write' | 'closeInput'> => {
  let received = 0;
  // An ended process does not read its input; that is not the writer's error.
  child.stdin?.on('error', () => child.stdin?.destroy());
  return {
    async write(offset, bytes) {
      if (offset > received)
        throw fail('request.invalid', {
          issues: [{ path: 'offset', message: `must be at most ${received}` }],
        });
      const fresh = bytes.subarray(Math.min(bytes.length, received - offset));
      if (fresh.length === 0) return;
      received += fresh.length;
      if (child.stdin?.writable === true) child.stdin.write(fresh);
    },
    async closeInput() {
      child.stdin?.end();
    },
  };
};

async function* readOutput(kept: Kept, from: ExecCursor, signal?: AbortSignal): AsyncIterable<ExecChunk> {
  const cursors = { ...from };
  const aborted = new Promise<never>((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => undefined); // only of interest while somebody waits below
  while (true) {
    signal?.throwIfAborted();
    const { exit, changed } = kept;
    for (const stream of ['stdout', 'stderr'] as const) {
      const part = kept[stream].from(cursors[stream]);
      if (part.cursor > cursors[stream]) yield { kind: 'lagged', stream, cursor: part.cursor };
      cursors[stream] = part.cursor + part.bytes.length;
      if (part.bytes.length > 0) yield { kind: 'output', stream, cursor: part.cursor, bytes: part.bytes };
    }
    if (exit !== undefined) return yield { kind: 'exit', exit };
    if (kept.failure !== undefined) throw kept.failure;
    await Promise.race([changed.promise, aborted]);
  }
}

const wake = (kept: Kept): void => {
  kept.changed.resolve();
  kept.changed = Promise.withResolvers();
};

const killGroup = (child: ChildProcess, name: NodeJS.Signals): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, constants.signals[name]);
  } catch (error) {
    // Already ended: exactly what the caller wants.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // errors of kill(2) carry a code
  }
};

/** A growing byte log that any number of readers follow by cursor. */
interface ByteLog {
  append(bytes: Uint8Array): void;
  /** Available bytes from a cursor; `cursor` is later than requested when older bytes were dropped. */
  from(cursor: number): { readonly cursor: number; readonly bytes: Uint8Array };
}

const createByteLog = (keptBytes: number): ByteLog => {
  let start = 0;
  let bytes: Uint8Array = new Uint8Array(0);
  return {
    append(more) {
      const all = Buffer.concat([bytes, more]);
      const dropped = Math.max(0, all.length - keptBytes);
      start += dropped;
      bytes = all.subarray(dropped);
    },
    from(cursor) {
      const at = Math.max(cursor, start);
      return { cursor: at, bytes: bytes.subarray(at - start) };
    },
  };
};
