/** The client against a program that speaks ACP on the wire, and misbehaves on demand. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, type ItemBody } from '@berth/contract';
import { type AgentHost, type AgentWorld, defineAgent } from '@berth/plugin-api';
import { agentConformance } from '@berth/plugin-api/conformance';
import { createLocalSandbox, type LocalSandbox } from '@berth/plugin-api/fakes';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createAcpAgent } from '../../src/agents/acp/acp-agent.ts';
import { systemTimers, type Timers } from '../../src/agents/acp/end-process.ts';
import type { AcpProfile } from '../../src/agents/profiles/profile.ts';

const stub = join(import.meta.dirname, 'stub-agent.ts');
const profileOf = (mode: string): AcpProfile => ({
  name: 'stub',
  package: 'stub',
  programs: [{ kind: 'script', file: 'stub-agent.ts' }],
  wires: ['openai'],
  memoryBytes: 0,
  launch: ({ home }) => ({ args: [mode], env: { MARK: '1' }, files: { [`${home}/.stub`]: 'x' } }),
  isFailure: (params) => JSON.stringify(params).includes('systemError'),
});
const host: AgentHost = { resolve: () => stub, log: () => undefined };
const model = {
  provider: 'p',
  wire: 'openai',
  model: 'm',
  baseUrl: 'http://127.0.0.1:9',
  token: 't',
} as const;
const LIMITS = { startMs: 20_000, silenceMs: 20_000, turnMs: 20_000 };

const benchOf = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-acp-'));
  const sandbox = await createLocalSandbox({ folder });
  return {
    host,
    sandbox,
    cwd: sandbox.root,
    model,
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

agentConformance(
  defineAgent({
    name: 'acp (stub)',
    config: z.strictObject({}),
    needsModel: true,
    memoryBytes: 0,
    open: (config, from) =>
      createAcpAgent({ profile: profileOf('noisy'), config, host: from, timers: systemTimers }),
  }),
  { config: {}, prompts: { work: 'work', wait: 'wait' }, bench: benchOf },
);

describe('the ACP client', { timeout: 30_000 }, () => {
  let bench: Awaited<ReturnType<typeof benchOf>>;
  let sandbox: LocalSandbox;
  let items: Map<string, ItemBody>;
  beforeEach(async () => {
    bench = await benchOf();
    sandbox = bench.sandbox;
    items = new Map();
  });
  afterEach(() => bench[Symbol.asyncDispose]());

  interface Options {
    readonly mode?: string;
    readonly session?: { sessionId: string };
    readonly limits?: Partial<AgentWorld['limits']>;
    readonly signal?: AbortSignal;
    readonly decide?: AgentWorld['decide'];
    readonly timers?: Timers;
    readonly toolMs?: number;
    readonly wire?: 'openai' | 'gemini';
  }
  const turn = (prompt: string, options: Options = {}) => {
    const config = options.toolMs === undefined ? {} : { toolMs: options.toolMs };
    const profile = profileOf(options.mode ?? '');
    const agent = createAcpAgent({ profile, config, host, timers: options.timers ?? systemTimers });
    return agent.turn(
      { execId: 'ex_1', prompt, asked: prompt, cwd: sandbox.root, session: options.session },
      {
        sandbox,
        model: { ...model, wire: options.wire ?? model.wire },
        toolPath: (target) =>
          target.endsWith('/node') ? process.execPath.replace(/\/[^/]*$/, '') : stub.replace(/\/[^/]*$/, ''),
        emit: (id, body) => items.set(id, body),
        decide: options.decide ?? (async () => 'allow_once'),
        limits: { ...LIMITS, ...options.limits },
        signal: options.signal ?? new AbortController().signal,
      },
    );
  };

  it('grants by kind, never for ever, offers no files, and reports it all in order', async () => {
    expect(await turn('work')).toEqual({
      stop: 'end',
      session: { sessionId: 's1' },
      continued: true,
      usage: { inputTokens: 5, cachedInputTokens: 0, outputTokens: 3 },
    });
    expect(JSON.parse(readFileSync(join(sandbox.root, 'made.txt'), 'utf8'))).toEqual({
      permission: { outcome: { outcome: 'selected', optionId: 'yes' } },
      files: -32601,
    });
    expect([...items]).toEqual([
      ['message:1', { kind: 'message', role: 'agent', text: 'I work.' }],
      ['tool:c1', { kind: 'tool', title: 'write', tool: 'edit', status: 'completed' }],
      ['permission:1', { kind: 'permission', title: 'write', decision: 'allow_once' }],
      ['message:2', { kind: 'message', role: 'agent', text: 'Done.' }],
    ]);
  });

  it('sends the decision that it is given, also when that takes a while, and none that is not offered', async () => {
    const asked: unknown[] = [];
    const rejected = await turn('work', {
      decide: async (request) => {
        asked.push(request);
        await new Promise((resolve) => setImmediate(resolve));
        return 'reject_once';
      },
    });
    expect(rejected).toMatchObject({ stop: 'end' });
    expect(asked).toEqual([{ id: 'permission:1', title: 'write', offered: ['allow_once', 'reject_once'] }]);
    expect(JSON.parse(readFileSync(join(sandbox.root, 'made.txt'), 'utf8'))).toMatchObject({
      permission: { outcome: { outcome: 'selected', optionId: 'no' } },
    });
    expect(items.get('permission:1')).toMatchObject({ decision: 'reject_once' });
  });

  it('ends the turn when there is no decision', async () => {
    const decide = () => Promise.reject(fail('store.unavailable', { reason: 'full' }));
    await expect(turn('work', { decide })).rejects.toMatchObject({ code: 'store.unavailable' });
  });

  it('continues a conversation, or says that it could not', async () => {
    expect(await turn('refuse', { session: { sessionId: 's1' } })).toMatchObject({
      continued: true,
      stop: 'stopped',
    });
    await bench[Symbol.asyncDispose]();
    bench = await benchOf();
    sandbox = bench.sandbox;
    expect(await turn('refuse', { session: { sessionId: 'gone' } })).toMatchObject({
      continued: false,
      stop: 'stopped',
      detail: 'refusal',
    });
  });

  it('gives up on a program that never speaks', async () => {
    await expect(turn('work', { mode: 'silent', limits: { startMs: 700 } })).rejects.toMatchObject({
      code: 'agent.hung',
      message: expect.stringContaining('did not start within 1 s'),
    });
  });

  it('says that the time of the turn is over, whatever silence would be allowed', async () => {
    await expect(turn('wait', { limits: { turnMs: 700 } })).rejects.toMatchObject({
      code: 'agent.overtime',
      details: { turnMs: 700 },
    });
  });

  it('lets a tool take longer than silence may, up to its own limit', async () => {
    expect(await turn('tool', { limits: { silenceMs: 700 } })).toMatchObject({ stop: 'end' });
    expect(items.get('tool:c1')).toMatchObject({ status: 'failed' });
  });

  it('stops a tool that takes too long', async () => {
    await expect(turn('tool', { toolMs: 1_000 })).rejects.toMatchObject({
      code: 'agent.hung',
      details: { limit: 'tool', silentMs: 1_000 },
    });
  });

  it.each([
    ['quietly-fail', 'model.unknown', /^unexpected status 404 Not Found: The model `m` does not exist/],
    ['fail-wordless', 'agent.failed', /gives no reason/],
  ])('does not take a turn for done that failed in its middle (%s)', async (prompt, code, detail) => {
    await expect(turn(prompt)).rejects.toMatchObject({
      code,
      details: { detail: expect.stringMatching(detail) },
    });
  });

  it('tells at once that an agent cannot be told anything any more', async () => {
    const start = sandbox.start.bind(sandbox);
    vi.spyOn(sandbox, 'start').mockImplementation(async (request) => ({
      ...(await start(request)),
      write: () => Promise.reject(fail('sandbox.unreachable', { id: 'sb', detail: 'lost' })),
    }));
    await expect(turn('work')).rejects.toMatchObject({ code: 'sandbox.unreachable' });
  });

  it('reports a crash with its last words', async () => {
    await expect(turn('crash')).rejects.toMatchObject({
      code: 'agent.crashed',
      details: { exitCode: 7, tail: 'out of cheese' },
    });
  });

  it('does not start with a model whose wire it cannot speak', async () => {
    await expect(turn('work', { wire: 'gemini' })).rejects.toMatchObject({ code: 'model.unconfigured' });
    expect(await sandbox.attach('ex_1')).toBeUndefined();
  });

  it('says how it is installed where it is not', async () => {
    const nowhere = { resolve: () => undefined, log: () => undefined };
    const agent = createAcpAgent({ profile: profileOf(''), config: {}, host: nowhere, timers: systemTimers });
    expect(await agent.probe()).toEqual({
      available: false,
      detail: 'install the npm package stub (npm install --global stub)',
      tools: [],
    });
  });

  it('never logs in', async () => {
    await expect(turn('work', { mode: 'login' })).rejects.toMatchObject({ code: 'agent.auth_required' });
  });

  it('ends an agent that does not follow a cancel', async () => {
    const cancel = new AbortController();
    const fast: Timers = { now: systemTimers.now, after: (ms, then) => systemTimers.after(ms / 50, then) };
    const end = turn('wait', {
      mode: 'stubborn',
      signal: cancel.signal,
      timers: fast,
      limits: { startMs: 2_000_000, silenceMs: 2_000_000, turnMs: 2_000_000 },
    });
    await vi.waitFor(() => sandbox.files.stat('waiting.txt'), 15_000);
    cancel.abort();
    expect(await end).toMatchObject({ stop: 'cancelled' });
  });
});
