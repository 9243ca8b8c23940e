/**
 * An agent without a model that executes scripted steps: for trying an installation, for demos and for tests of
 * everything around an agent. The steps are in the prompt as a fenced block marked `berth` (JSON: a list of steps),
 * or in the configuration, one list per turn of the conversation.
 */
import { fail } from '@berth/contract';
import { type AgentWorld, defineAgent, type TurnEnd, type TurnInput } from '@berth/plugin-api';
import { z } from 'zod';
import { systemTimers } from './acp/end-process.ts';
import { failureOf } from './acp/watchdog.ts';

const Step = z.union([
  z.strictObject({ say: z.string() }),
  z.strictObject({ think: z.string() }),
  z.strictObject({ write: z.strictObject({ path: z.string(), content: z.string() }) }),
  z.strictObject({ remove: z.string() }),
  /** A command line for `sh`. */
  z.strictObject({ run: z.string() }),
  z.strictObject({ pauseMs: z.int().min(0).max(600_000) }),
  z.strictObject({ fail: z.string() }),
  z.strictObject({ crash: z.int() }),
  z.strictObject({ hang: z.literal(true) }),
]);
type Step = z.infer<typeof Step>;

const Config = z.strictObject({
  turns: z.array(z.array(Step)).optional().describe('The steps of each turn. Default: those in the prompt.'),
});
const Kept = z.object({ turn: z.int().min(0) });

export default defineAgent({
  name: 'scripted',
  config: Config,
  needsModel: false,
  memoryBytes: 16 * 2 ** 20,
  open: (config) => ({
    probe: async () => ({
      available: true,
      detail: 'executes the steps in the prompt or the configuration',
      tools: [],
    }),
    async turn(input, world): Promise<TurnEnd> {
      const turn = Kept.safeParse(input.session).data?.turn ?? 0;
      const steps = stepsIn(input.prompt) ?? config.turns?.[turn] ?? [];
      const session = { turn: turn + 1 };
      for (const [index, step] of steps.entries()) {
        if (world.signal.aborted) return { stop: 'cancelled', session, continued: true };
        await take(step, { index, input, world });
      }
      return { stop: world.signal.aborted ? 'cancelled' : 'end', session, continued: true };
    },
  }),
});

export const stepsIn = (prompt: string): readonly Step[] | undefined => {
  const block = lastBlockIn(prompt);
  if (block === undefined) return undefined;
  const steps = z.array(Step).safeParse(parsed(block));
  if (!steps.success)
    throw fail('agent.failed', {
      agent: 'scripted',
      detail: `the steps cannot be read: ${steps.error.message}`,
    });
  return steps.data;
};

const FENCE = '```';
const BEGIN = `${FENCE}berth`;

/** Earlier blocks may be quoted from an earlier turn. */
const lastBlockIn = (prompt: string): string | undefined => {
  let block: string | undefined;
  for (let at = prompt.indexOf(BEGIN); at !== -1; ) {
    const line = prompt.indexOf('\n', at);
    if (line === -1) return block;
    let next = line;
    if (prompt.slice(at + BEGIN.length, line).trim() === '') {
      const end = prompt.indexOf(FENCE, line);
      if (end === -1) return block;
      block = prompt.slice(line + 1, end);
      next = end + FENCE.length;
    }
    at = prompt.indexOf(BEGIN, next);
  }
  return block;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text; // refused by the schema, with its message
  }
};

interface Place {
  readonly index: number;
  readonly input: TurnInput;
  readonly world: AgentWorld;
}

const take = async (step: Step, place: Place): Promise<void> => {
  const { index, input, world } = place;
  const inside = (path: string): string => (path.startsWith('/') ? path : `${input.cwd}/${path}`);
  if ('say' in step) world.emit(`step:${index}`, { kind: 'message', role: 'agent', text: step.say });
  else if ('think' in step) world.emit(`step:${index}`, { kind: 'thought', text: step.think });
  else if ('write' in step) {
    await world.sandbox.files.write(inside(step.write.path), Buffer.from(step.write.content));
    tool(place, `write ${step.write.path}`);
  } else if ('remove' in step) {
    await world.sandbox.files.remove(inside(step.remove));
    tool(place, `remove ${step.remove}`);
  } else if ('run' in step) await run(step.run, place);
  else if ('pauseMs' in step) await pause(step.pauseMs, world.signal);
  else if ('fail' in step) throw fail('agent.failed', { agent: 'scripted', detail: step.fail });
  else if ('crash' in step)
    throw fail('agent.crashed', { agent: 'scripted', exitCode: step.crash, tail: 'as scripted' });
  else await hang(world);
};

const tool = ({ index, world }: Place, title: string, output?: string): void =>
  world.emit(`step:${index}`, {
    kind: 'tool',
    title,
    status: 'completed',
    ...(output === undefined ? {} : { output }),
  });

const run = async (line: string, place: Place): Promise<void> => {
  const { index, input, world } = place;
  const id = `${input.execId}-${index}`;
  const argv = ['/bin/sh', '-c', line] as const;
  const result = await world.sandbox.run({ id, argv, cwd: input.cwd, contained: true }, world.signal);
  tool(place, line, `${result.stdout}${result.stderr}`.slice(-10_000));
  if (result.exitCode !== 0)
    throw fail('agent.failed', { agent: 'scripted', detail: `exit code ${result.exitCode} of ${line}` });
};

/** Returns early and silently when the turn is cancelled. */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const forget = systemTimers.after(ms, resolve);
    const stop = () => {
      forget();
      resolve();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

const hang = async (world: AgentWorld): Promise<void> => {
  const { silenceMs, turnMs } = world.limits;
  const limit = turnMs < silenceMs ? 'turn' : 'silence';
  const limitMs = Math.min(silenceMs, turnMs);
  await pause(limitMs, world.signal);
  if (!world.signal.aborted) throw failureOf('scripted', { limit, limitMs });
};
