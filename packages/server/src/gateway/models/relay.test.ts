/** The relay between clients that hold only a token and a scripted model that insists on the real key. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type ScriptedModel, type Scripts, startScriptedModel } from '@berth/plugin-api/fakes';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { secret } from '../../secrets/secret.ts';
import { createModelRelay, type SpentTokens } from './relay.ts';

const KEY = 'the-real-key-0123456789';
const SANDBOX = 'sb_1';
const TOKEN = 'the-token-of-the-attempt';
const GRANT = { attemptId: 'at_1', taskId: 'tk_1' };
const usage = { input: 1234, cachedInput: 234, output: 56 };
const spent = { inputTokens: 1234, cachedInputTokens: 234, outputTokens: 56 };
const tools = {
  chat: [{ function: { name: 'bash', parameters: {} } }],
  messages: [{ name: 'bash', input_schema: {} }],
};

const scripts: Scripts = {
  default: { answers: [{ text: 'A long enough answer to be cut into several pieces.', usage }] },
  cut: { answers: [{ text: 'This is never finished, whatever one does.', cut: true, usage }] },
  hang: { answers: [{ hang: true }] },
  busy: { answers: [{ error: { status: 529, message: 'try later' } }] },
};

interface Case {
  readonly name: string;
  readonly provider: string;
  readonly path: string;
  readonly credential: Record<string, string>;
  readonly body: (prompt: string, stream: boolean) => object;
  readonly error: object;
}

const cases: readonly Case[] = [
  {
    name: 'chat completions',
    provider: 'openai',
    path: '/v1/chat/completions',
    credential: { authorization: `Bearer ${TOKEN}` },
    body: (content, stream) => ({
      model: 'm',
      stream,
      messages: [{ role: 'user', content }],
      tools: tools.chat,
    }),
    error: { error: { code: 'model.unavailable' } },
  },
  {
    name: 'responses',
    provider: 'openai',
    path: '/v1/responses',
    credential: { authorization: `Bearer ${TOKEN}` },
    body: (input, stream) => ({ model: 'm', stream, input, tools: [{ type: 'function', name: 'bash' }] }),
    error: { error: { code: 'model.unavailable' } },
  },
  {
    name: 'messages',
    provider: 'anthropic',
    path: '/v1/messages',
    credential: { 'x-api-key': TOKEN },
    body: (content, stream) => ({
      model: 'm',
      stream,
      messages: [{ role: 'user', content }],
      tools: tools.messages,
    }),
    error: { type: 'error', error: { type: 'api_error' } },
  },
  {
    name: 'gemini',
    provider: 'gemini',
    path: '/v1beta/models/m',
    credential: { 'x-goog-api-key': TOKEN },
    body: (text) => ({
      contents: [{ role: 'user', parts: [{ text }] }],
      tools: [{ functionDeclarations: [{ name: 'bash' }] }],
    }),
    error: { error: { code: 503, status: 'UNAVAILABLE' } },
  },
];

describe('the model relay', () => {
  let model: ScriptedModel;
  let front: Server;
  let base: string;
  const ledger: SpentTokens[] = [];
  const logged: unknown[] = [];
  const providers = () => ({
    openai: { wire: 'openai' as const, baseUrl: `${model.url}/v1`, key: secret(KEY) },
    anthropic: { wire: 'anthropic' as const, baseUrl: model.url, key: secret(KEY) },
    gemini: { wire: 'gemini' as const, baseUrl: model.url, key: secret(KEY) },
    wrong: { wire: 'openai' as const, baseUrl: `${model.url}/v1`, key: secret('not-the-key') },
    down: { wire: 'openai' as const, baseUrl: 'http://127.0.0.1:9/v1', key: secret(KEY) },
    elsewhere: { wire: 'openai' as const, baseUrl: `${base}/redirect`, key: secret(KEY) },
    slow: { wire: 'anthropic' as const, baseUrl: model.url, key: secret(KEY) },
  });
  const relayOf = (limits = {}) =>
    createModelRelay({
      providers: providers(),
      authorise: async (token, sandboxId) => (token === TOKEN && sandboxId === SANDBOX ? GRANT : undefined),
      judgeLinks: async () => undefined,
      ledger: async (entry) => void ledger.push(entry),
      clock: { now: () => Date.now() },
      log: (...line) => void logged.push(line),
      limits,
    });

  beforeAll(async () => {
    model = await startScriptedModel({ scripts, requireKey: KEY });
    front = createServer((request: IncomingMessage, response: ServerResponse) => {
      const url = request.url ?? '';
      if (url.startsWith('/redirect'))
        response.writeHead(302, { location: `${model.url}/v1/chat/completions` }).end();
      else
        void relayOf({ firstByteMs: url.startsWith('/slow') ? 100 : 10_000 }).handle(request, response, {
          path: url,
          sandboxId: SANDBOX,
        });
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    // Whatever happened, the key was in no log line.
    expect(JSON.stringify(logged)).not.toContain(KEY);
    ledger.length = 0;
  });
  afterAll(async () => {
    front.closeAllConnections();
    front.close();
    await model.close();
  });

  const post = (path: string, headers: Record<string, string>, body: object, signal?: AbortSignal) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  const pathOf = (one: Case, stream: boolean, provider = one.provider) => {
    const suffix =
      one.provider !== 'gemini' ? '' : stream ? ':streamGenerateContent?alt=sse' : ':generateContent';
    return `/${provider}${one.path}${suffix}`;
  };

  for (const one of cases)
    describe(one.name, () => {
      for (const stream of [false, true])
        it(`adds the key and counts the tokens of ${stream ? 'a stream' : 'a whole answer'}`, async () => {
          const response = await post(pathOf(one, stream), one.credential, one.body('go', stream));
          const text = await response.text();
          expect(response.status).toBe(200);
          expect(text).toContain('several pieces'.slice(0, 7));
          expect(text + JSON.stringify([...response.headers])).not.toContain(KEY);
          expect(ledger).toEqual([
            {
              ...GRANT,
              provider: one.provider,
              model: 'm',
              usage: spent,
              status: 200,
              durationMs: expect.any(Number),
            },
          ]);
          expect(model.log.at(-1)).toMatchObject({ refused: false, stream });
          expect(model.log.at(-1)?.credentials).toHaveLength(1);
        });

      it('passes a broken stream on as broken, and writes it down', async () => {
        const response = await post(pathOf(one, true), one.credential, one.body('[[script:cut]]', true));
        await expect(response.text()).rejects.toThrow();
        await vi.waitFor(() => expect(ledger).toMatchObject([{ status: 502 }]));
      });

      it('refuses without the token', async () => {
        const asked = model.log.length;
        const response = await post(pathOf(one, true), {}, one.body('go', true));
        expect(response.status).toBe(401);
        const wrong = await post(pathOf(one, true), { authorization: `Bearer ${KEY}` }, one.body('go', true));
        expect(wrong.status).toBe(401);
        expect(model.log).toHaveLength(asked);
      });
    });

  it('takes the token from the query, where Gemini clients put it', async () => {
    const gemini = cases[3] as Case;
    const response = await post(`${pathOf(gemini, false)}?key=${TOKEN}`, {}, gemini.body('go', false));
    expect(response.status).toBe(200);
  });

  it('shows the client the usage event only when it asked for it', async () => {
    const chat = cases[0] as Case;
    const quiet = await post(pathOf(chat, true), chat.credential, chat.body('go', true));
    expect(await quiet.text()).not.toContain('prompt_tokens');
    const asking = { ...chat.body('go', true), stream_options: { include_usage: true } };
    expect(await (await post(pathOf(chat, true), chat.credential, asking)).text()).toContain('prompt_tokens');
    expect(ledger.map((entry) => entry.usage)).toEqual([spent, spent]);
  });

  it('passes an error of the provider on', async () => {
    const chat = cases[0] as Case;
    const response = await post(pathOf(chat, true), chat.credential, chat.body('[[script:busy]]', true));
    expect(response.status).toBe(529);
    expect(await response.text()).toContain('try later');
    expect(ledger).toMatchObject([{ status: 529 }]);
  });

  // Agents ask again after a 503 and give up after a 424, which is all that helps against a refused key.
  it.each([
    ['down', 503],
    ['wrong', 424],
    ['elsewhere', 424],
  ])('answers model.unavailable when the provider is unusable: %s', async (name, status) => {
    const chat = cases[0] as Case;
    const response = await post(pathOf(chat, true, name), chat.credential, chat.body('go', true));
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject(chat.error);
    expect(text).not.toContain(KEY);
    expect(text).not.toContain('127.0.0.1');
  });

  it('gives up on a provider that does not answer in time', async () => {
    const messages = cases[2] as Case;
    const response = await post(
      pathOf(messages, true, 'slow'),
      messages.credential,
      messages.body('[[script:hang]]', true),
    );
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject(messages.error);
  });

  it('stops asking when the agent goes away', async () => {
    const chat = cases[0] as Case;
    const leave = new AbortController();
    const asked = model.log.length;
    const response = post(
      pathOf(chat, true),
      chat.credential,
      chat.body('[[script:hang]]', true),
      leave.signal,
    );
    response.catch(() => undefined);
    await vi.waitUntil(() => model.log.length > asked, 10_000);
    leave.abort();
    await vi.waitFor(() => expect(ledger).toMatchObject([{ status: 499 }]), 10_000);
  });

  it.each([
    '/openai/v1/files',
    '/openai/v1/../v1/chat/completions/../../files',
    '/openai/v1//chat/completions',
    '/openai/v1/chat%2fcompletions',
    '/anthropic/v1/organizations',
  ])('reaches nothing but the endpoints of models: %s', async (path) => {
    const asked = model.log.length;
    const seen: number[] = [];
    const request = {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
    } as unknown as IncomingMessage;
    const response = {
      headersSent: false,
      destroyed: false,
      writeHead: (status: number) => seen.push(status),
      end: () => undefined,
    } as unknown as ServerResponse;
    await relayOf().handle(request, response, { path, sandboxId: SANDBOX });
    expect(seen).toEqual([404]);
    expect(model.log).toHaveLength(asked);
  });

  it('names a provider that is not configured', async () => {
    const response = await post('/nobody/v1/chat/completions', { authorization: `Bearer ${TOKEN}` }, {});
    expect(await response.json()).toMatchObject({ error: { code: 'model.unconfigured' } });
  });

  it('speaks HTTP/2 too', async () => {
    const server = createHttp2Server(
      (request, response) =>
        void relayOf().handle(request, response, { path: request.url, sandboxId: SANDBOX }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const chat = cases[0] as Case;
    const stream = session.request({ ':method': 'POST', ':path': pathOf(chat, true), ...chat.credential });
    stream.end(JSON.stringify(chat.body('go', true)));
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    expect(text).toContain('[DONE]');
    await vi.waitFor(() => expect(ledger).toMatchObject([{ usage: spent, status: 200 }]));
    session.destroy();
    server.close();
  });
});
