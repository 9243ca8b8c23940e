/** The real OpenCode program over ACP, with a scripted model behind it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ItemBody } from '@berth/contract';
import type { AgentHost, AgentWorld, Sandbox } from '@berth/plugin-api';
import {
  createCrashableSandbox,
  createLocalSandbox,
  type LocalSandbox,
  type Scripts,
  startScriptedModel,
} from '@berth/plugin-api/fakes';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import opencode from '../../src/agents/opencode.ts';

const modules = resolve(import.meta.dirname, '../../../../node_modules');
const host: AgentHost = {
  resolve: (file) => (existsSync(join(modules, file)) ? join(modules, file) : undefined),
  log: () => undefined,
};

const fix = (to: string) => [
  { text: 'I fix it.', calls: [{ do: 'edit' as const, path: 'sum.js', old: 'a - b', new: to }] },
  { text: 'Fixed.' },
];
const scripts: Scripts = {
  default: { answers: [{ text: 'Nothing to do.' }] },
  fix: {
    match: 'fix sum',
    answers: fix('a * b'),
    followUps: [
      {
        match: 'gate is red',
        answers: [
          { calls: [{ do: 'edit', path: 'sum.js', old: 'a * b', new: 'a + b' }] },
          { text: 'Now it adds.' },
        ],
      },
    ],
  },
  hang: { answers: [{ hang: true }] },
  slow: {
    answers: [
      { text: 'I wait.', calls: [{ do: 'bash', command: 'echo ran >> slow.txt; sleep 2' }] },
      { text: 'Waited once.' },
    ],
  },
  refuse: { answers: [{ error: { status: 400, message: 'this model is not for you' } }] },
};

describe('opencode', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-opencode-'));
  let sandbox: LocalSandbox;
  let model: Awaited<ReturnType<typeof startScriptedModel>>;
  let repository: string;
  const agent = opencode.open({}, host);

  beforeAll(async () => {
    model = await startScriptedModel({ scripts, requireKey: 'token-of-the-attempt' });
    sandbox = await createLocalSandbox({ folder });
    repository = join(sandbox.root, 'project');
    await sandbox.files.write('project/sum.js', Buffer.from('export const sum = (a, b) => a - b;\n'));
    const git = (...args: string[]) => execFileSync('git', ['-C', repository, ...args]);
    git('init', '-q');
    git('add', '.');
    git('-c', 'user.name=t', '-c', 'user.email=t@localhost', 'commit', '-qm', 'start');
  });

  afterAll(async () => {
    await sandbox.close();
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const worldOf = (inside: Sandbox, items: Map<string, ItemBody>, signal: AbortSignal): AgentWorld => ({
    sandbox: inside,
    model: {
      provider: 'local',
      wire: 'openai',
      model: 'scripted',
      baseUrl: model.url,
      token: 'token-of-the-attempt',
    },
    toolPath: (target) => {
      const source = tools.find((tool) => tool.target === target)?.source;
      return source ?? target;
    },
    emit: (id, body) => items.set(id, body),
    decide: async () => 'allow_once',
    limits: { startMs: 60_000, silenceMs: 60_000, turnMs: 120_000 },
    signal,
  });
  let tools: readonly { source: string; target: string }[] = [];
  const run = async (execId: string, prompt: string, session?: { sessionId: string }) => {
    tools = (await agent.probe()).tools;
    const items = new Map<string, ItemBody>();
    const end = await agent.turn(
      { execId, prompt, asked: prompt, cwd: repository, session },
      worldOf(sandbox, items, new AbortController().signal),
    );
    return { end, items };
  };
  const text = () => readFileSync(join(repository, 'sum.js'), 'utf8');

  it('edits the file, and continues the conversation in the next turn', async () => {
    const first = await run('ex_first', 'Please fix sum in sum.js');
    expect(text()).toContain('a * b');
    expect(first.end).toMatchObject({ stop: 'end', continued: true });
    expect([...first.items.values()]).toContainEqual({ kind: 'message', role: 'agent', text: 'Fixed.' });
    expect([...first.items.values()]).toContainEqual(
      expect.objectContaining({ kind: 'tool', status: 'completed' }),
    );

    const session = first.end.session as { sessionId: string };
    const second = await run('ex_second', 'The gate is red: sum(1, 2) is 2', session);
    expect(second.end).toMatchObject({ stop: 'end', continued: true, session });
    expect(text()).toContain('a + b');
    expect([...second.items.values()]).not.toContainEqual(expect.objectContaining({ text: 'Fixed.' }));
  });

  it('is cancelled in the middle of a model request that never ends', async () => {
    const cancel = new AbortController();
    const items = new Map<string, ItemBody>();
    const asked = model.log.length;
    const turn = agent.turn(
      { execId: 'ex_hang', prompt: '[[script:hang]] go', asked: 'go', cwd: repository },
      worldOf(sandbox, items, cancel.signal),
    );
    await vi.waitUntil(() => model.log.slice(asked).some((request) => request.turn === 0), 30_000);
    cancel.abort();
    expect(await turn).toMatchObject({ stop: 'cancelled' });
    expect(await endOf('ex_hang')).toMatchObject({ kind: 'exit' });
  });

  it('goes on after the server died in the middle of a turn', async () => {
    const first = createCrashableSandbox(sandbox);
    const before = new Map<string, ItemBody>();
    const input = { execId: 'ex_replay', prompt: '[[script:slow]] go', asked: 'go', cwd: repository };
    const abandoned = agent.turn(input, worldOf(first.sandbox, before, new AbortController().signal));
    abandoned.catch(() => undefined);
    await vi.waitUntil(() => [...before.values()].some((item) => item.kind === 'tool'), 30_000);
    first.die();

    const after = new Map<string, ItemBody>();
    const end = await agent.turn(input, worldOf(sandbox, after, new AbortController().signal));
    expect(end).toMatchObject({ stop: 'end' });
    expect([...after.keys()]).toEqual(expect.arrayContaining([...before.keys()]));
    expect(readFileSync(join(repository, 'slow.txt'), 'utf8')).toBe('ran\n');

    const again = new Map<string, ItemBody>();
    expect(await agent.turn(input, worldOf(sandbox, again, new AbortController().signal))).toEqual(end);
    expect([...again]).toEqual([...after]);
  });

  it('tells a refusal of the model as the failure of the agent', async () => {
    await expect(run('ex_refuse', '[[script:refuse]] go')).rejects.toMatchObject({ code: 'agent.failed' });
  });

  const endOf = async (execId: string) => {
    const process = await sandbox.attach(execId);
    for await (const chunk of process?.output() ?? []) if (chunk.kind === 'exit') return chunk;
    return undefined;
  };
});
