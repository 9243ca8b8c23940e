import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineAgent, type Sandbox, type TurnEnd } from '@berth/plugin-api';
import { createLocalSandbox } from '@berth/plugin-api/fakes';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentsOptions, createAgents, modelProviders } from './agents.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-agents-'));
const sandbox: Sandbox = await createLocalSandbox({ folder, internalUrl: 'http://berth.internal' });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Says what it was given. */
const echo = defineAgent({
  name: 'echo',
  config: z.strictObject({ installed: z.boolean().default(true) }),
  needsModel: true,
  wires: ['anthropic'],
  memoryBytes: 7,
  open: ({ installed }) => ({
    probe: async () => ({ available: installed, detail: installed ? 'here' : 'install it', tools: [] }),
    turn: async (input, { model, toolPath }): Promise<TurnEnd> => ({
      stop: 'end',
      detail: JSON.stringify({ ...input, model, tool: toolPath('/opt/berth/x') }),
      continued: input.session !== undefined,
    }),
  }),
});
const plain = defineAgent({ ...echo, name: 'plain', needsModel: false });

const agentsWith = (more: Partial<AgentsOptions> = {}) =>
  createAgents({
    defaultAgent: 'echo',
    registry: { echo: async () => ({ default: echo }), plain: async () => ({ default: plain }) },
    config: {},
    host: { resolve: () => undefined, log: () => undefined },
    providers: [
      { name: 'openai', wire: 'openai', defaultModel: 'o' },
      { name: 'claude', wire: 'anthropic', defaultModel: 'c' },
    ],
    limits: { startMs: 1, silenceMs: 1, turnMs: 1 },
    toolPath: async () => (target) => `/inside${target}`,
    ...more,
  });

const asked = {
  agent: 'echo',
  model: 'claude/other',
  driver: 'oci',
  sandbox,
  attemptId: 'at_1',
  execId: 'ex_1',
  prompt: 'hello',
  asked: 'hello',
  cwd: '/workspace/a',
  session: undefined,
  token: 'tok',
  emit: () => undefined,
  decide: async () => 'allow_once' as const,
};

test('an agent is asked over a wire that it speaks, by the model that was named or the usual one', async () => {
  const agents = agentsWith();
  expect(agents.names).toEqual(['echo', 'plain']);
  expect(await agents.prepare('echo', undefined)).toEqual({ tools: [], memoryBytes: 7, model: 'claude/c' });
  expect((await agents.prepare('echo', 'claude')).model).toBe('claude/c');
  expect((await agents.prepare('plain', undefined)).model).toBeUndefined();
  await expect(agents.prepare('echo', 'openai/o')).rejects.toMatchObject({ code: 'model.unconfigured' });
  await expect(agentsWith({ providers: [] }).prepare('echo', undefined)).rejects.toThrow('No model provider');
});

test('a turn gets the relay as its model, with the token of its attempt', async () => {
  const end = await agentsWith().turn(asked, AbortSignal.timeout(1000));
  expect(JSON.parse(end.detail ?? '')).toEqual({
    execId: 'ex_1',
    prompt: 'hello',
    asked: 'hello',
    cwd: '/workspace/a',
    model: {
      provider: 'claude',
      wire: 'anthropic',
      model: 'other',
      baseUrl: 'http://berth.internal/models/claude',
      token: 'tok',
    },
    tool: '/inside/opt/berth/x',
  });
  const again = await agentsWith().turn(
    { ...asked, agent: 'plain', session: { turn: 1 } },
    AbortSignal.timeout(1000),
  );
  expect(again.continued).toBe(true);
  expect(JSON.parse(again.detail ?? '')).not.toHaveProperty('model');
});

test('an agent that is not there is named with what to install, an unknown one with those that are known', async () => {
  const agents = agentsWith({ config: { echo: { installed: false } } });
  await expect(agents.prepare('echo', undefined)).rejects.toMatchObject({ code: 'agent.absent' });
  await expect(agents.prepare('nobody', undefined)).rejects.toMatchObject({
    code: 'agent.unknown',
    details: { known: ['echo', 'plain'] },
  });
  expect(await agents.describe()).toEqual([
    { name: 'echo', available: false, detail: 'install it' },
    { name: 'plain', available: true, detail: 'here' },
  ]);
});

test('a configuration that the plugin refuses is told with its path', async () => {
  const agents = agentsWith({ config: { echo: { installed: 'yes' } } });
  await expect(agents.prepare('echo', undefined)).rejects.toMatchObject({
    code: 'config.invalid',
    details: { issues: [{ path: 'agents.echo.installed in config.json' }] },
  });
});

test('the default decides which provider comes first, and its model', () => {
  const providers = {
    openai: { wire: 'openai', baseUrl: 'http://x', key: undefined },
    claude: { wire: 'anthropic', baseUrl: 'http://y', key: undefined },
  } as const;
  expect(modelProviders({ providers, default: undefined }).map(({ name }) => name)).toEqual([
    'openai',
    'claude',
  ]);
  expect(modelProviders({ providers, default: 'claude/own/model' })[0]).toEqual({
    name: 'claude',
    wire: 'anthropic',
    defaultModel: 'own/model',
  });
});

test('a default that does not exist refuses the start', () => {
  expect(() => agentsWith({ defaultAgent: 'eccho' })).toThrow(
    'There is no agent eccho; known agents: echo, plain.',
  );
});
