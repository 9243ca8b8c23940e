/**
 * The only path to standard output and error for everything the command line prints. Text is written without control
 * characters except line feeds and tabs, whoever wrote it: an agent, a branch, a file, a server. Colours are
 * requested with a mark that nobody outside can know. Bytes pass unchanged; only two commands write them, because
 * they are a pipe (`sandbox exec` into something that is not a terminal) or a terminal inside (`sandbox shell`).
 */

import { randomUUID } from 'node:crypto';
import { escapeControls } from '@berth/contract';
import type { CallLimits } from '@berth/sdk/node';

/** The parts of the process that a command may use; tests pass their own. */
export interface Writer {
  /** Whether it is a terminal. */
  readonly isTTY?: boolean | undefined;
  write(text: string | Uint8Array): unknown;
}

export interface CommandIo {
  /** How long to wait for a silent server; the client's limits when absent. */
  readonly limits?: CallLimits | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly isRoot: boolean;
  /** All of the standard input, to its end. */
  readonly input: () => Promise<string>;
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** Whether colours and live lines make sense. */
  readonly isTerminal: boolean;
  /** Calls back on every Ctrl-C and SIGTERM until the returned function is called. */
  readonly onInterrupt: (act: (signal: Interrupt) => void) => () => void;
}

export type Interrupt = 'SIGINT' | 'SIGTERM';

const KEPT = '\n\t';
/** Made with the first colour: what makes it takes longer to load than most commands take. */
let mark: string | undefined;

/** `code`: of Select Graphic Rendition (ECMA-48, 8.3.117). */
export const coloured = (code: number, text: string): string => {
  mark ??= randomUUID();
  return `${mark}[${code}m${text}${mark}[0m`;
};

export const screened = (world: CommandIo): CommandIo => ({
  ...world,
  stdout: cleaning(world.stdout),
  stderr: cleaning(world.stderr),
});

const withColours = (text: string): string => (mark === undefined ? text : text.replaceAll(mark, '\u001b'));

const cleaning = (to: Writer): Writer => ({
  isTTY: to.isTTY,
  write: (what) => to.write(typeof what === 'string' ? withColours(escapeControls(what, KEPT)) : what),
});
