/**
 * What every agent promises, as tests. The suite drives it with prompts given by its author: one that does some work,
 * one that waits until it is stopped.
 */
import { type ItemBody, isBerthError } from '@berth/contract';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { Agent, AgentHost, AgentPlugin, AgentWorld, ModelAccess, TurnInput } from '../../src/agent.ts';
import type { Sandbox } from '../../src/sandbox.ts';
import { createCrashableSandbox } from '../fakes/crashable-sandbox.ts';

export interface AgentBench extends AsyncDisposable {
  readonly host: AgentHost;
  readonly sandbox: Sandbox;
  /** An empty git repository inside. */
  readonly cwd: string;
  readonly model?: ModelAccess | undefined;
}

export interface AgentConformance<C extends z.ZodType> {
  readonly config: z.input<C>;
  /** For one case. */
  readonly bench: () => Promise<AgentBench>;
  readonly prompts: {
    /** Creates the file `made.txt` in the working folder, emits a message, and ends; takes at least half a second. */
    readonly work: string;
    /** Creates the file `waiting.txt`, then runs silently until it is stopped. */
    readonly wait: string;
  };
  readonly timeoutMs?: number | undefined;
}

const CASE_TIMEOUT_MS = 60_000;
const PATIENT = { startMs: 40_000, silenceMs: 40_000, turnMs: 50_000 };

export const agentConformance = <C extends z.ZodType>(
  plugin: AgentPlugin<C>,
  options: AgentConformance<C>,
): void => {
  const { prompts, timeoutMs = CASE_TIMEOUT_MS } = options;
  const config = plugin.config.parse(options.config);
  const staged = (check: (stage: Stage) => Promise<void>) => async () => {
    await using bench = await options.bench();
    await check(await setStage(plugin.open(config, bench.host), bench));
  };
  describe(`agent ${plugin.name}`, { timeout: timeoutMs }, () => {
    it('reports whether it can run, and has its tools below /opt/berth', staged(probes));
    it(
      'works, reports items and ends',
      staged((stage) => works(stage, prompts.work)),
    );
    it(
      'replays to the same end and the same items',
      staged((stage) => repeats(stage, prompts.work)),
    );
    it(
      'continues after a server crash in the middle',
      staged((stage) => survives(stage, prompts.work)),
    );
    it(
      'can be cancelled, and leaves no process',
      staged((stage) => cancels(stage, prompts.wait)),
    );
    it(
      'is stopped as hung after too long a silence, and leaves no process',
      staged((stage) => hangs(stage, prompts.wait)),
    );
    it(
      'does not start when it was cancelled before',
      staged((stage) => staysHome(stage, prompts.work)),
    );
  });
};

interface Stage {
  readonly agent: Agent;
  readonly sandbox: Sandbox;
  readonly has: (file: string) => Promise<boolean>;
  readonly input: (prompt: string) => TurnInput;
  readonly turn: (input: TurnInput, change?: Partial<AgentWorld>) => Promise<Told>;
}

interface Told {
  readonly end: Awaited<ReturnType<Agent['turn']>>;
  /** The last body of every item, in order of first appearance. */
  readonly items: readonly (readonly [string, ItemBody])[];
}

const setStage = async (agent: Agent, bench: AgentBench): Promise<Stage> => {
  const { sandbox, cwd, model } = bench;
  const { tools } = await agent.probe();
  return {
    agent,
    sandbox,
    input: (prompt) => ({ execId: 'ex_conformance', prompt, asked: prompt, cwd }),
    async has(file) {
      try {
        await sandbox.files.stat(`${cwd}/${file}`);
        return true;
      } catch (error) {
        if (isBerthError(error) && error.code === 'file.missing') return false;
        throw error;
      }
    },
    async turn(input, change = {}) {
      const items = new Map<string, ItemBody>();
      const end = await agent.turn(input, {
        sandbox,
        model,
        toolPath: (target) => tools.find((tool) => tool.target === target)?.source ?? target,
        emit: (id, body) => items.set(id, body),
        decide: async () => 'allow_once',
        limits: PATIENT,
        signal: new AbortController().signal,
        ...change,
      });
      return { end, items: [...items] };
    },
  };
};

const probes = async ({ agent }: Stage): Promise<void> => {
  const { available, detail, tools } = await agent.probe();
  expect(available, detail).toBe(true);
  for (const tool of tools) expect(tool.target).toMatch(/^\/opt\/berth\/[\w./-]+$/);
};

const works = async (stage: Stage, prompt: string): Promise<void> => {
  const { end, items } = await stage.turn(stage.input(prompt));
  expect(end).toMatchObject({ stop: 'end', continued: true });
  expect(items.length).toBeGreaterThan(0);
  expect(await stage.has('made.txt')).toBe(true);
  await leavesNothing(stage);
};

const repeats = async (stage: Stage, prompt: string): Promise<void> => {
  const first = await stage.turn(stage.input(prompt));
  expect(await stage.turn(stage.input(prompt))).toEqual(first);
};

const survives = async (stage: Stage, prompt: string): Promise<void> => {
  const doomed = createCrashableSandbox(stage.sandbox);
  const started = Promise.withResolvers<void>();
  const sandbox: Sandbox = {
    ...doomed.sandbox,
    start: async (spec) => {
      const process = await doomed.sandbox.start(spec);
      started.resolve();
      return process;
    },
  };
  const abandoned = stage.turn(stage.input(prompt), { sandbox });
  // An agent without a process may end before it could die.
  await Promise.race([started.promise, abandoned]);
  doomed.die();
  expect((await stage.turn(stage.input(prompt))).end).toMatchObject({ stop: 'end', continued: true });
  expect(await stage.has('made.txt')).toBe(true);
};

const cancels = async (stage: Stage, prompt: string): Promise<void> => {
  const cancel = new AbortController();
  const told = stage.turn(stage.input(prompt), { signal: cancel.signal });
  told.catch(() => undefined);
  await expect.poll(() => stage.has('waiting.txt'), { timeout: 40_000 }).toBe(true);
  cancel.abort();
  expect((await told).end.stop).toBe('cancelled');
  await leavesNothing(stage);
};

const hangs = async (stage: Stage, prompt: string): Promise<void> => {
  const limits = { ...PATIENT, silenceMs: 3_000 };
  await expect(stage.turn(stage.input(prompt), { limits })).rejects.toMatchObject({ code: 'agent.hung' });
  await leavesNothing(stage);
};

const staysHome = async (stage: Stage, prompt: string): Promise<void> => {
  const { end } = await stage.turn(stage.input(prompt), { signal: AbortSignal.abort() });
  expect(end.stop).toBe('cancelled');
  expect(await stage.has('made.txt')).toBe(false);
};

/** The process of the turn, where the agent has one, must have ended when the turn has. */
const leavesNothing = async ({ sandbox, input }: Stage): Promise<void> => {
  const process = await sandbox.attach(input('').execId);
  if (process === undefined) return;
  let ended = false;
  for await (const chunk of process.output(undefined, AbortSignal.timeout(10_000)))
    ended ||= chunk.kind === 'exit';
  expect(ended).toBe(true);
};
