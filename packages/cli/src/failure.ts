/** Failures on standard error and as exit codes, which follow from the error's kind. */
import { constants } from 'node:os';
import { type BerthError, isBerthError, jsonPath, KINDS } from '@berth/contract';
import { z } from 'zod';
import type { CommandIo } from './screen.ts';

/** As shells report a death by a signal. */
export const exitCodeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];
export const INTERRUPTED = exitCodeOf('SIGINT');

export const report = (error: unknown, world: CommandIo, asJson: boolean): number => {
  if (error instanceof z.ZodError) {
    const [place = ''] = error.issues.map(({ path }) => jsonPath(path));
    const said = `The server's answer is not understood${place === '' ? '' : ` (${place})`}.`;
    const hint = "Its version differs from this command line's: use matching versions.";
    world.stderr.write(`error: ${said}\nhint: ${hint}\n`);
    return KINDS.internal.exit;
  }
  if (!isBerthError(error)) {
    world.stderr.write(`error: ${indented(error instanceof Error ? error.message : String(error))}\n`);
    return KINDS.internal.exit;
  }
  world.stderr.write(asJson ? `${JSON.stringify({ error: error.body })}\n` : told(error));
  return KINDS[error.kind].exit;
};

const told = ({ message, hint }: BerthError) =>
  `error: ${indented(message)}\n${hint === undefined ? '' : `hint: ${indented(hint)}\n`}`;

/** A message may quote output from inside a sandbox, which must not be able to fake a line of ours. */
const indented = (text: string) => text.trimEnd().replace(/\r?\n/g, '\n  ');
