/** Commands that talk to processes inside a sandbox: `exec`, `logs`, `shell`, `forward`. */
import { constants } from 'node:os';
import type { ExecPart } from '@berth/contract';
import type { Command } from 'commander';
import { type Context, type Frame, leaf, text } from '../command.ts';
import { numberOf } from '../derive.ts';
import { exitCodeOf } from '../failure.ts';
import { forwardPorts } from '../forward.ts';
import type { Interrupt, Writer } from '../screen.ts';
import { openShell } from '../shell.ts';

export const sandboxCommands = (frame: Frame): Command[] => [
  leaf(frame, 'exec', 'Run a command and forward its output and exit code', (context, { args, options }) =>
    exec(context, args, options),
  )
    .argument('<id>')
    .argument('<command...>', 'after --')
    .option('--cwd <folder>', "absolute, or relative to the sandbox's root")
    .option('--timeout <seconds>', 'kill it after this time')
    .option('-i, --stdin', 'forward standard input, after reading it to its end')
    .option('--detach', 'start it and print its id'),
  leaf(frame, 'logs', 'Read the output of a command and follow it to its end', (context, { args }) =>
    follow(context, { id: args[0] ?? '', execId: args[1] ?? '' }),
  )
    .argument('<id>')
    .argument('<exec>'),
  leaf(frame, 'shell', 'Open a terminal in a sandbox', (context, { args }) =>
    openShell(context, args[0] ?? ''),
  ).argument('<id>'),
  leaf(frame, 'forward', 'Reach ports in a sandbox through ports of this machine', (context, { args }) => {
    const [id = '', ...ports] = args;
    return forwardPorts(context, id, ports);
  })
    .argument('<id>')
    .argument('<ports...>', 'inside, such as 3000; here and inside: 8000:3000; any free port here: 0:3000'),
];

const exec = async (
  context: Context,
  args: readonly string[],
  options: Readonly<Record<string, unknown>>,
) => {
  const [id = '', ...argv] = args;
  const cwd = text(options.cwd);
  const timeout = text(options.timeout);
  const timeoutMs = timeout === undefined ? undefined : Math.round(numberOf('timeout', timeout) * 1000);
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

/** The first Ctrl-C or SIGTERM goes to the command, the second one stops following. */
const follow = async ({ client, output, world }: Context, running: Running): Promise<number> => {
  const stop = new AbortController();
  let asked: Interrupt | undefined;
  const forget = world.onInterrupt((signal) => {
    if (asked !== undefined) return stop.abort();
    asked = signal;
    client.sandboxes.signal({ ...running, signal }).catch((error: unknown) => stop.abort(error));
  });
  try {
    for await (const part of client.sandboxes.logs(running, { signal: stop.signal })) {
      if (output.isJson) output.json(part);
      else if (part.kind === 'output') passOn(world[part.stream], part.text);
      else if (part.kind === 'lagged') world.stderr.write('(some output was dropped)\n');
      if (part.kind === 'exit') return exitCodeAfter(part);
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    forget();
  }
  world.stderr.write(`the command is still running: berth sandbox logs ${running.id} ${running.execId}\n`);
  return exitCodeOf(asked ?? 'SIGINT');
};

/** Raw into a pipe or a file; as text at a terminal, which would interpret it. */
const passOn = (to: Writer, text: string): unknown => to.write(to.isTTY === true ? text : Buffer.from(text));

/** As a shell reports it: 124 after a timeout, 137 for SIGKILL. */
const exitCodeAfter = (part: Extract<ExecPart, { kind: 'exit' }>): number => {
  if (part.timedOut) return 124;
  if (part.exitCode !== null) return part.exitCode;
  const signal = Object.keys(constants.signals).find((name) => name === part.signal);
  return exitCodeOf((signal ?? 'SIGKILL') as NodeJS.Signals);
};
