/** `berth`: the command tree, and the only place where a failure becomes an exit code. */
import { KINDS } from '@berth/contract';
import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import type { Frame } from './command.ts';
import { completionCommand } from './commands/completion.ts';
import { dashboardCommand } from './commands/dashboard.ts';
import { downCommand } from './commands/down.ts';
import { runCommand } from './commands/run.ts';
import { sandboxCommands } from './commands/sandbox.ts';
import { systemCommands } from './commands/system.ts';
import { taskCommands } from './commands/task.ts';
import { upCommand } from './commands/up.ts';
import { report } from './failure.ts';
import { routeCommand } from './route-command.ts';
import { NOUNS, ROUTE_COMMANDS } from './route-commands.ts';
import { type CommandIo, screened } from './screen.ts';

/** Runs one command line. Returns the exit code. */
export const runCommandLine = async (args: readonly string[], outside: CommandIo): Promise<number> => {
  const world = screened(outside);
  let exitCode = 0;
  const done: Frame['done'] = (code) => {
    exitCode = code;
  };
  const program = createProgram({ world, done }, args[0]);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : KINDS.invalid.exit;
    return report(error, world, args.includes('--json'));
  }
};

type Builder = (frame: Frame, program: Command) => Command;

/** In the order of the help. */
const BUILDERS: Readonly<Record<string, Builder>> = {
  up: upCommand,
  down: downCommand,
  dashboard: dashboardCommand,
  run: runCommand,
  ...Object.fromEntries(Object.keys(NOUNS).map((noun) => [noun, (frame: Frame) => nounCommand(frame, noun)])),
  ...systemCommands,
  completion: completionCommand,
};

/**
 * The whole tree, or only the command in `wanted`: building the flags of all commands from schemas takes longer than
 * most commands.
 */
export const createProgram = (frame: Frame, wanted?: string): Command => {
  const program = new Command('berth')
    .description(
      'Runs coding agents in isolated sandboxes, runs the gate on their work, and lands what passes.',
    )
    .version(manifest.version);
  const isOne = wanted !== undefined && wanted !== 'completion' && Object.hasOwn(BUILDERS, wanted);
  for (const [name, build] of Object.entries(BUILDERS))
    if (!isOne || name === wanted) program.addCommand(build(frame, program));
  return tamed(program, frame.world);
};

const nounCommand = (frame: Frame, noun: string): Command => {
  const command = new Command(noun).description(NOUNS[noun] ?? '');
  for (const spec of ROUTE_COMMANDS) if (spec.noun === noun) command.addCommand(routeCommand(frame, spec));
  const own = { sandbox: sandboxCommands, task: taskCommands }[noun];
  for (const more of own?.(frame) ?? []) command.addCommand(more);
  return command;
};

/** commander must neither exit the process nor write past the given io. */
const tamed = (command: Command, world: CommandIo): Command => {
  command
    .exitOverride()
    .showHelpAfterError('(see --help)')
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
    });
  for (const child of command.commands) tamed(child, world);
  return command;
};
