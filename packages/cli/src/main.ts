/** The entry point: the only file of the command line that accesses `process`. */
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { runCommandLine } from './program.ts';
import type { CommandIo } from './screen.ts';

const isTerminal = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

const world: CommandIo = {
  env: process.env,
  cwd: process.cwd(),
  isRoot: process.getuid?.() === 0,
  input: () => text(process.stdin),
  stdout: process.stdout,
  stderr: process.stderr,
  isTerminal,
  onInterrupt: (act) => {
    const [interrupted, terminated] = [() => act('SIGINT'), () => act('SIGTERM')];
    process.on('SIGINT', interrupted).on('SIGTERM', terminated);
    return () => process.off('SIGINT', interrupted).off('SIGTERM', terminated);
  },
};

// A reader that closes the pipe (`berth events | head`) is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), world);
