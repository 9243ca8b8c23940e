/**
 * A running sandbox as everything but its driver sees it: commands and files, through the guest channel. A holder can
 * work inside but can neither create nor destroy: authority by type.
 *
 * Everything returned comes from a machine that an agent controls: sizes are capped by the implementation, names and
 * bytes are data, never instructions.
 */
import type { Duplex } from 'node:stream';
import type { FileEntry, SandboxMetrics } from '@berth/contract';

export interface ExecSpec {
  /** Chosen by the caller. Starting the same id twice starts one process: the second call attaches to it. */
  readonly id: string;
  readonly argv: readonly [string, ...string[]];
  /** Absolute inside the sandbox, or relative to its root. */
  readonly cwd?: string | undefined;
  /** Added to the sandbox's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs?: number | undefined;
  /**
   * `all`: every byte is kept from the start until the sandbox ends and a full log blocks the process (agents).
   * `tail`: the newest bytes up to the cap are kept; older ones are dropped and the reader is notified (everything
   * else).
   */
  readonly keep?: 'all' | 'tail' | undefined;
  /**
   * Its children end with it: when `run` is done, or at SIGKILL, nothing of it is left, including a process that
   * cleared its environment, changed its session and lost its parent. When the driver has no groups for commands (a
   * facet), such a process may survive until the sandbox ends.
   */
  readonly contained?: boolean | undefined;
  /**
   * A program of Berth's: looked up only in folders that nothing inside can write to, and given no environment but
   * that path and `env`.
   */
  readonly system?: boolean | undefined;
}

export interface ExecExit {
  /** Null when a signal ended the process. */
  readonly exitCode: number | null;
  readonly signal?: string | undefined;
  readonly timedOut: boolean;
  /** The kernel killed a process of this sandbox for memory while the command ran. */
  readonly outOfMemory: boolean;
  readonly durationMs: number;
}

export type ExecChunk =
  | {
      readonly kind: 'output';
      readonly stream: 'stdout' | 'stderr';
      readonly cursor: number;
      readonly bytes: Uint8Array;
    }
  /** Bytes before `cursor` were dropped because the reader was too slow or too late. */
  | { readonly kind: 'lagged'; readonly stream: 'stdout' | 'stderr'; readonly cursor: number }
  | { readonly kind: 'exit'; readonly exit: ExecExit };

export interface ExecCursor {
  readonly stdout: number;
  readonly stderr: number;
}

/** A command inside. It survives a server restart; reattach by its id. */
export interface Process {
  readonly id: string;
  /**
   * Output from the cursor (the start when absent), then the exit. May be called again: each call reads
   * independently.
   */
  output(from?: ExecCursor, signal?: AbortSignal): AsyncIterable<ExecChunk>;
  /**
   * Writes to stdin at a byte offset. Bytes the process already received are ignored, so that a caller that restarts
   * after a crash may resend the same bytes.
   */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  closeInput(): Promise<void>;
  /** Sent to the process and everything it started. Succeeds when it has already ended. */
  signal(name: NodeJS.Signals): Promise<void>;
}

export interface RunResult extends ExecExit {
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}

export interface Files {
  /** Rejects with `file.missing`, or `file.refused` when larger than `maxBytes` (16 MiB when absent). */
  read(path: string, maxBytes?: number): Promise<Uint8Array>;
  /** The same as a stream, read on demand and not buffered. A growing file is read up to its initial size. */
  open(path: string, maxBytes: number): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Creates missing parent folders; replaces atomically. A stream is pulled on demand and not buffered; when it
   * fails, the call fails with its error, and nothing was written.
   */
  write(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>, mode?: number): Promise<void>;
  list(path: string): Promise<FileEntry[]>;
  stat(path: string): Promise<FileEntry>;
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Succeeds when nothing exists there. */
  remove(path: string): Promise<void>;
}

export interface Sandbox {
  readonly id: string;
  /** Where repositories are: `/workspace`, except with the host driver. */
  readonly root: string;
  /** A writable home, private to this sandbox. */
  readonly home: string;
  /** Where programs inside reach the server: `http://berth.internal`, except with the host driver. */
  readonly internalUrl: string;
  start(spec: ExecSpec): Promise<Process>;
  /** The process started earlier under this id, or undefined. */
  attach(execId: string): Promise<Process | undefined>;
  /** Terminates every command whose id has this prefix, then kills it, and waits until it has ended. */
  endCommands(idPrefix: string): Promise<void>;
  /** Runs to the end and collects the output, capped at `maxOutputBytes` per stream (1 MiB when absent). */
  run(
    spec: ExecSpec & { readonly stdin?: string | undefined; readonly maxOutputBytes?: number | undefined },
    signal?: AbortSignal,
  ): Promise<RunResult>;
  readonly files: Files;
  /**
   * A TCP connection to a port inside, made by the guest to its own loopback and never to anything else. What is not
   * read holds up the program inside; an end is passed on in each direction. Rejects with `port.closed` when nothing
   * listens there.
   */
  connectPort(port: number, signal?: AbortSignal): Promise<Duplex>;
  metrics(): Promise<SandboxMetrics>;
}
