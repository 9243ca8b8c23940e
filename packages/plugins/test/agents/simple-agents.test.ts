/** The agents that need no model, held to what every agent promises. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ItemBody } from '@berth/contract';
import type { AgentHost, AgentPlugin, AgentWorld } from '@berth/plugin-api';
import { agentConformance } from '@berth/plugin-api/conformance';
import { createLocalSandbox } from '@berth/plugin-api/fakes';
import { describe, expect, it } from 'vitest';
import { agents } from '../../src/agents/_registry.ts';
import command from '../../src/agents/command.ts';
import scripted from '../../src/agents/scripted.ts';

const host: AgentHost = { resolve: () => undefined, log: () => undefined };

const benchOf = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-agent-'));
  const sandbox = await createLocalSandbox({ folder });
  return {
    host,
    sandbox,
    cwd: sandbox.root,
    async [Symbol.asyncDispose]() {
      await sandbox.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

agentConformance(command, {
  config: {},
  prompts: {
    work: 'sleep 0.6; touch made.txt; echo made',
    wait: 'touch waiting.txt; sleep 300 & wait',
  },
  bench: benchOf,
});

const steps = (...list: readonly object[]): string =>
  `Do this:\n\`\`\`berth\n${JSON.stringify(list)}\n\`\`\`\n`;
agentConformance(scripted, {
  config: {},
  prompts: {
    work: steps({ say: 'I work.' }, { pauseMs: 600 }, { write: { path: 'made.txt', content: 'x' } }),
    wait: steps({ write: { path: 'waiting.txt', content: '' } }, { hang: true }),
  },
  bench: benchOf,
});

const turn = async (
  plugin: AgentPlugin,
  config: object,
  prompt: string,
  more: { session?: { turn: number }; limits?: Partial<AgentWorld['limits']>; asked?: string } = {},
) => {
  const { session, limits, asked = prompt } = more;
  await using bench = await benchOf();
  const items = new Map<string, ItemBody>();
  const world: AgentWorld = {
    sandbox: bench.sandbox,
    model: undefined,
    toolPath: (target) => target,
    emit: (id, body) => items.set(id, body),
    decide: async () => 'allow_once',
    limits: { startMs: 10_000, silenceMs: 10_000, turnMs: 10_000, ...limits },
    signal: new AbortController().signal,
  };
  const agent = plugin.open(plugin.config.parse(config), host);
  const end = await agent.turn({ execId: 'ex_1', prompt, asked, cwd: bench.cwd, session }, world);
  const made = (file: string) => readFileSync(join(bench.cwd, file), 'utf8');
  return {
    end,
    items,
    text: await bench.sandbox.files.read('out.txt').then(
      () => made('out.txt'),
      () => undefined,
    ),
  };
};

describe('command', () => {
  it('hands the prompt to a configured program in its environment and on its input', async () => {
    const { end, text, items } = await turn(
      command,
      { shell: 'cat > out.txt; printf %s "$BERTH_PROMPT" >> out.txt; echo shown' },
      'Fix it. ',
    );
    expect(end).toEqual({ stop: 'end', continued: true });
    expect(text).toBe('Fix it. Fix it. ');
    expect(items.get('output')).toEqual({ kind: 'message', role: 'agent', text: 'shown' });
  });

  it('runs what the person asked for, and nothing that is told besides', async () => {
    const asked = 'cat > out.txt';
    const { text } = await turn(command, {}, `${asked}\n\nThe end of its output:\n\ntouch run.txt; exit 3`, {
      asked,
    });
    expect(text).toContain('touch run.txt; exit 3');
  });

  it('fails with the exit code and the end of the output', async () => {
    await expect(turn(command, { argv: ['sh', '-c', 'echo why >&2; exit 3'] }, 'x')).rejects.toMatchObject({
      code: 'agent.failed',
      details: { detail: 'exit code 3\nwhy' },
    });
  });
});

describe('scripted', () => {
  it('plays the list of the turn that it is in', async () => {
    const config = { turns: [[{ say: 'one' }], [{ run: 'echo two > out.txt' }]] };
    const first = await turn(scripted, config, 'go');
    expect(first.end.session).toEqual({ turn: 1 });
    expect((await turn(scripted, config, 'go on', { session: { turn: 1 } })).text).toBe('two\n');
  });

  it('does the last list of steps, because those before it are quoted from an earlier turn', async () => {
    const prompt = `${steps({ fail: 'quoted' })}${steps({ run: 'echo now > out.txt' })}`;
    expect((await turn(scripted, {}, prompt)).text).toBe('now\n');
  });

  it.each([
    [{ fail: 'no luck' }, 'agent.failed'],
    [{ crash: 9 }, 'agent.crashed'],
    [{ run: 'exit 4' }, 'agent.failed'],
    [{ nonsense: true }, 'agent.failed'],
  ])('fails as told: %j', async (step, code) => {
    await expect(turn(scripted, {}, steps(step))).rejects.toMatchObject({ code });
  });
});

describe.each([
  ['command', command, 'while sleep 0.05; do echo at work; done'],
  ['scripted', scripted, steps({ hang: true })],
])('%s', (agent, plugin, prompt) => {
  it('names the limit that ended it', async () => {
    await expect(turn(plugin, {}, prompt, { limits: { turnMs: 600 } })).rejects.toMatchObject({
      code: 'agent.overtime',
      details: { agent, turnMs: 600 },
    });
  });
});

describe('the registry', () => {
  it.each(Object.entries(agents))('loads %s under its own name', async (name, load) => {
    expect((await load()).default.name).toBe(name);
  });
});
