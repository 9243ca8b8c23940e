/**
 * Any program as an agent: it gets the prompt in the variable `BERTH_PROMPT` and on its standard input, and its
 * changes to the repository are its work. Without a command in the configuration the user's request is the command,
 * in every turn: the rest of the prompt (what failed, with its log) is never run.
 */
import { fail } from '@berth/contract';
import {
  type AgentWorld,
  createTextTail,
  defineAgent,
  type ExecExit,
  type Process,
  type TurnEnd,
} from '@berth/plugin-api';
import { z } from 'zod';
import { endProcess, systemTimers } from './acp/end-process.ts';
import { createWatchdog, failureOf } from './acp/watchdog.ts';

const Config = z.strictObject({
  argv: z.tuple([z.string()], z.string()).optional().describe('Program and arguments.'),
  shell: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A command line for `sh`, when there is no `argv`. Default: the request of the user; the rest of the prompt is never run.',
    ),
  env: z.record(z.string(), z.string()).optional().describe("Added to the program's environment."),
});

const SHOWN_CHARACTERS = 100_000;
const TAIL_CHARACTERS = 2_000;
const SHOW_EVERY_MS = 200;

export default defineAgent({
  name: 'command',
  config: Config,
  needsModel: false,
  memoryBytes: 64 * 2 ** 20,
  open: (config) => ({
    probe: async () => ({ available: true, detail: 'runs any program', tools: [] }),
    async turn(input, world): Promise<TurnEnd> {
      const continued = input.session === undefined;
      const process = await world.sandbox.start({
        id: input.execId,
        argv: config.argv ?? ['/bin/sh', '-c', config.shell ?? input.asked],
        cwd: input.cwd,
        env: { ...config.env, BERTH_PROMPT: input.prompt },
        keep: 'all',
        contained: true,
      });
      await process.write(0, Buffer.from(input.prompt));
      await process.closeInput();
      const { exit, tail } = await follow(process, world);
      if (world.signal.aborted) return { stop: 'cancelled', continued };
      if (exit.exitCode !== 0)
        throw fail('agent.failed', {
          agent: 'command',
          detail:
            `${exit.exitCode === null ? `ended by ${exit.signal ?? 'a signal'}` : `exit code ${exit.exitCode}`}\n${tail}`.trim(),
        });
      return { stop: 'end', continued };
    },
  }),
});

/** Shows the output until the process has ended, and kills it when it is cancelled or silent for too long. */
const follow = async (process: Process, world: AgentWorld): Promise<{ exit: ExecExit; tail: string }> => {
  const stopped = new AbortController();
  const watchdog = createWatchdog(
    { ...world.limits, toolMs: world.limits.silenceMs },
    systemTimers,
    (expiry) => stopped.abort(failureOf('command', expiry)),
  );
  watchdog.enter('running');
  const cancel = () => stopped.abort();
  world.signal.addEventListener('abort', cancel, { once: true });
  if (world.signal.aborted) cancel();
  const reading = readOutput(process, world, () => watchdog.heard(0));
  const ended = reading.then(({ exit }) => exit);
  try {
    await Promise.race([ended, aborted(stopped.signal)]);
  } finally {
    watchdog.stop();
    world.signal.removeEventListener('abort', cancel);
    await endProcess(process, ended, 0, systemTimers);
  }
  if (stopped.signal.aborted && !world.signal.aborted) throw stopped.signal.reason;
  return reading;
};

const readOutput = async (process: Process, world: AgentWorld, heard: () => void) => {
  const shown = createTextTail(SHOWN_CHARACTERS);
  const tail = createTextTail(TAIL_CHARACTERS);
  let shownAt = Number.NEGATIVE_INFINITY;
  const show = () => {
    shownAt = systemTimers.now();
    if (shown.text() !== '') world.emit('output', { kind: 'message', role: 'agent', text: shown.text() });
  };
  let exit: ExecExit = { exitCode: null, timedOut: false, outOfMemory: false, durationMs: 0 };
  for await (const chunk of process.output()) {
    heard();
    if (chunk.kind === 'exit') exit = chunk.exit;
    if (chunk.kind !== 'output') continue;
    const text = Buffer.from(chunk.bytes).toString('utf8');
    shown.push(text);
    tail.push(text);
    if (systemTimers.now() - shownAt >= SHOW_EVERY_MS) show();
  }
  show();
  return { exit, tail: tail.text() };
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
