/**
 * The one way to the standard output and error, taken by everything that the command line prints. What is written as text
 * holds no control characters but line feeds and tabs, whoever wrote it: an agent, a branch, a file, a server. Colours are
 * asked for with a mark that nobody outside can know. Bytes pass as they are; two commands write them, because they are a
 * pipe (`sandbox exec` into something that is no terminal) or a terminal inside (`sandbox shell`).
 */
import { randomUUID } from 'node:crypto';
import { escapeControls } from '@berth/contract';
import type { CommandIo, Writer } from './io.ts';

const MARK = randomUUID();
const KEPT = '\n\t';

/** `code`: of Select Graphic Rendition (ECMA-48, 8.3.117). */
export const coloured = (code: number, text: string): string => `${MARK}[${code}m${text}${MARK}[0m`;

export const screened = (world: CommandIo): CommandIo => ({
  ...world,
  stdout: cleaning(world.stdout),
  stderr: cleaning(world.stderr),
});

const cleaning = (to: Writer): Writer => ({
  isTTY: to.isTTY,
  write: (what) =>
    to.write(typeof what === 'string' ? escapeControls(what, KEPT).replaceAll(MARK, '\u001b') : what),
});
