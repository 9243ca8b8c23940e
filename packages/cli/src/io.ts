/** What a command may touch of the process it runs in; tests give their own. */
import type { CallLimits } from '@berth/sdk/node';

export interface Writer {
  /** It is a terminal. */
  readonly isTTY?: boolean | undefined;
  write(text: string | Uint8Array): unknown;
}

export interface CommandIo {
  /** How long a silent server is waited for; those of the client when absent. */
  readonly limits?: CallLimits | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isRoot: boolean;
  /** All of the standard input, to its end. */
  readonly input: () => Promise<string>;
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Colours and live lines make sense. */
  readonly isTerminal: boolean;
  /** Calls back at every Ctrl-C and every SIGTERM until the returned function is called. */
  readonly onInterrupt: (act: (signal: Interrupt) => void) => () => void;
}

export type Interrupt = 'SIGINT' | 'SIGTERM';
