/** Failures on standard error and as exit codes: the kind decides, as everywhere. */
import { type BerthError, isBerthError, KINDS } from '@berth/contract';
import type { World } from './world.ts';

/** As shells report a death by SIGINT. */
export const INTERRUPTED = 130;

export const report = (error: unknown, world: World, asJson: boolean): number => {
  if (!isBerthError(error)) {
    world.stderr.write(`error: ${indented(error instanceof Error ? error.message : String(error))}\n`);
    return KINDS.internal.exit;
  }
  world.stderr.write(asJson ? `${JSON.stringify({ error: error.body })}\n` : told(error));
  return KINDS[error.kind].exit;
};

const told = ({ message, hint }: BerthError) =>
  `error: ${indented(message)}\n${hint === undefined ? '' : `hint: ${indented(hint)}\n`}`;

/** A message may quote what was said inside a sandbox, which must not begin a line like ours. */
const indented = (text: string) => text.trimEnd().replace(/\r?\n/g, '\n  ');
