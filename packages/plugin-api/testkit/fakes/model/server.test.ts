import { afterEach, describe, expect, it } from 'vitest';
import type { Scripts } from './script.ts';
import { type ScriptedModel, type ScriptedModelOptions, startScriptedModel } from './server.ts';

const tools = ['bash', 'write', 'edit'].map((name) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      properties: {
        filePath: { type: 'string' },
        content: { type: 'string' },
        oldString: { type: 'string' },
        newString: { type: 'string' },
        command: { type: 'string' },
        timeout: { type: 'integer', minimum: 5 },
      },
      required: ['timeout'],
    },
  },
}));

describe('the scripted model', () => {
  let model: ScriptedModel | undefined;
  afterEach(async () => model?.close());

  const start = async (options: ScriptedModelOptions) => {
    model = await startScriptedModel(options);
    return model;
  };
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(`${model?.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  const chat = async (messages: readonly object[], offered: readonly object[] = tools) => {
    const response = await post('/v1/chat/completions', { model: 'm', messages, tools: offered });
    const answer = await response.json();
    return answer.choices[0].message;
  };
  const user = (content: string) => ({ role: 'user', content });

  it('makes a wrong fix first, and the right one when it hears of the red gate', async () => {
    const edit = (to: string) => ({ calls: [{ do: 'edit' as const, path: 'a.js', old: '1', new: to }] });
    const scripts: Scripts = {
      default: { answers: [{ text: 'nothing' }] },
      fix: {
        match: 'failing test',
        answers: [edit('wrong'), { text: 'first done' }],
        followUps: [{ match: 'gate is red', answers: [edit('right'), { text: 'second done' }] }],
      },
    };
    await start({ scripts });
    const history: object[] = [user('Fix the failing test. Working directory: /w')];
    const step = async () => {
      const message = await chat(history);
      history.push(message);
      return message;
    };
    const args = (message: { tool_calls: { function: { arguments: string } }[] }) =>
      JSON.parse(message.tool_calls[0]?.function.arguments ?? '');
    expect(args(await step())).toMatchObject({ filePath: '/w/a.js', newString: 'wrong', timeout: 5 });
    expect((await step()).content).toBe('first done');
    history.push(user('The gate is red.'));
    expect(args(await step())).toMatchObject({ newString: 'right' });
    expect((await step()).content).toBe('second done');
    // A conversation that began anew knows only the second prompt, and what it quotes.
    expect(args(await chat([user('The gate is red. You were told: fix the failing test')]))).toMatchObject({
      newString: 'right',
    });
  });

  it('answers side requests without using up a turn, and says so when a script has ended', async () => {
    await start({ scripts: { default: { answers: [{ text: 'one' }] } } });
    expect((await chat([user('a title, please')], [])).content).toBe('ok');
    expect((await chat([user('go')])).content).toBe('one');
    expect((await chat([user('[[script:nowhere]] go')])).content).toContain('no answer 0');
    expect(model?.log.map((request) => request.turn)).toEqual([-1, 0, 0]);
  });

  it('falls back to a patch, then to the shell, for agents without a tool of that kind', async () => {
    await start({
      scripts: { default: { answers: [{ calls: [{ do: 'write', path: "it's.txt", content: 'x' }] }] } },
    });
    const shell = await chat([user('go')], [tools[0] ?? {}]);
    expect(JSON.parse(shell.tool_calls[0].function.arguments).command).toContain(`> 'it'\\''s.txt'`);
    const custom = await post('/v1/responses', {
      input: 'go',
      tools: [{ type: 'custom', name: 'apply_patch' }],
    });
    expect((await custom.json()).output[0]).toMatchObject({
      type: 'custom_tool_call',
      input: "*** Begin Patch\n*** Add File: it's.txt\n+x\n*** End Patch",
    });
  });

  it('makes a patch only of whole lines', async () => {
    const edit = (old: string, better: string) => ({
      answers: [{ calls: [{ do: 'edit' as const, path: 'a.js', old, new: better }] }],
    });
    await start({ scripts: { part: edit('a - b', 'a + b'), lines: edit('a\n', 'b\n') } });
    const parameters = { type: 'object', properties: { command: { type: 'string' } } };
    const offered = [
      { type: 'custom', name: 'apply_patch' },
      { type: 'function', name: 'exec_command', parameters },
    ];
    const asked = async (input: string) =>
      (await (await post('/v1/responses', { input, tools: offered })).json()).output[0];
    expect(await asked('[[script:lines]]')).toMatchObject({ input: expect.stringContaining('@@\n-a\n+b\n') });
    expect(await asked('[[script:part]]')).toMatchObject({
      name: 'exec_command',
      arguments: expect.stringContaining('a + b'),
    });
  });

  it('fails as often as scripted, then answers', async () => {
    await start({
      scripts: { default: { answers: [{ error: { status: 529, times: 2 }, text: 'at last' }] } },
    });
    const ask = () =>
      post('/v1/messages', { messages: [user('go')], tools: [{ name: 'bash', input_schema: {} }] });
    expect((await ask()).status).toBe(529);
    expect((await ask()).status).toBe(529);
    expect(await (await ask()).json()).toMatchObject({
      content: [{ text: 'at last' }],
      usage: { output_tokens: 50 },
    });
  });

  it('wants the key when it was given one, and keeps only the names of credentials', async () => {
    await start({ requireKey: 'k' });
    expect((await post('/v1/messages', {})).status).toBe(401);
    expect((await post('/v1/messages', {}, { 'x-api-key': 'k' })).status).toBe(200);
    expect((await post('/v1beta/models/m:generateContent?key=k', {})).status).toBe(200);
    expect(model?.log.map((request) => [request.refused, request.credentials])).toEqual([
      [true, []],
      [false, ['x-api-key']],
      [false, []],
    ]);
  });

  it('lists models and counts tokens', async () => {
    const { url } = await start({});
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({ data: [{ id: 'scripted' }] });
    expect(await (await post('/v1/messages/count_tokens', {})).json()).toMatchObject({ input_tokens: 1000 });
    expect((await post('/v1/unheard', {})).status).toBe(404);
  });
});
