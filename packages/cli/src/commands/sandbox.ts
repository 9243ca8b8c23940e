/** Commands that talk with what runs inside a sandbox: `exec`, `logs`, `shell`. */
import type { ExecPart } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf, text } from '../command.ts';
import { INTERRUPTED } from '../failure.ts';
import { openShell } from '../shell.ts';
import type { Writer } from '../world.ts';

export const sandboxCommands = (frame: Frame): Command[] => [
  leaf(frame, 'exec', 'Run a command and pass on its output and exit code', (context, { args, options }) =>
    exec(context, args, options),
  )
    .argument('<id>')
    .argument('<command...>', 'after --')
    .option('--cwd <folder>', "absolute, or relative to the sandbox's root")
    .option('--timeout <seconds>', 'end it after this time', Number)
    .option('-i, --stdin', 'pass on the standard input, read to its end first')
    .option('--detach', 'start it and print its id'),
  leaf(frame, 'logs', 'Read the output of a command, and follow it to its end', (context, { args }) =>
    follow(context, { id: args[0] ?? '', execId: args[1] ?? '' }),
  )
    .argument('<id>')
    .argument('<exec>'),
  leaf(frame, 'shell', 'Open a terminal in a sandbox', (context, { args }) =>
    openShell(context, args[0] ?? ''),
  ).argument('<id>'),
];

const exec = async (
  context: Context,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => {
  const [id = '', ...argv] = args;
  const cwd = text(options.cwd);
  const timeoutMs = typeof options.timeout === 'number' ? Math.round(options.timeout * 1000) : undefined;
  const stdin = options.stdin === true ? await context.world.input() : undefined;
  const started = await context.client.sandboxes.exec({ id, argv, cwd, timeoutMs, stdin, background: true });
  if (options.detach !== true) return follow(context, { id, execId: started.execId });
  if (context.output.isJson) context.output.json({ execId: started.execId });
  else context.output.line(started.execId);
  return 0;
};

interface Running {
  readonly id: string;
  readonly execId: string;
}

/** The first Ctrl-C goes to the command, the second one ends the watching. */
const follow = async ({ client, output, world }: Context, running: Running): Promise<number> => {
  const stop = new AbortController();
  let asked = false;
  const forget = world.onInterrupt(() => {
    if (asked) return stop.abort();
    asked = true;
    client.sandboxes.signal({ ...running, signal: 'SIGINT' }).catch((error: unknown) => stop.abort(error));
  });
  try {
    for await (const part of client.sandboxes.logs(running, { signal: stop.signal })) {
      if (output.isJson) output.json(part);
      else if (part.kind === 'output') passOn(world[part.stream], part.text);
      else if (part.kind === 'lagged') world.stderr.write('(some output was dropped)\n');
      if (part.kind === 'exit') return exitCodeOf(part);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    forget();
  }
  return INTERRUPTED;
};

/** Into a pipe or a file as it is; at a terminal, which would obey it, as text. */
const passOn = (to: Writer, text: string): unknown => to.write(to.isTTY === true ? text : Buffer.from(text));

/** As a shell would say it: 124 after a timeout, 137 for SIGKILL. */
const exitCodeOf = (part: Extract<ExecPart, { kind: 'exit' }>): number => {
  if (part.timedOut) return 124;
  if (part.exitCode !== null) return part.exitCode;
  return part.signal === 'SIGINT' ? INTERRUPTED : 137;
};
