/**
 * What an agent may have its provider do, through the relay: a provider that fetches, runs or keeps something does so past
 * the egress policy of the sandbox.
 */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModelRelay } from './relay.ts';
import { createLinkJudge } from './request-links.ts';

type Body = Readonly<Record<string, unknown>>;

const EVIL = 'https://evil.example/x?secret';
const ASKED = { model: 'm', role: 'user' };
const PATHS = {
  messages: '/anthropic/v1/messages',
  chat: '/openai/v1/chat/completions',
  responses: '/openai/v1/responses',
  gemini: '/gemini/v1beta/models/m:generateContent',
};
type Wire = keyof typeof PATHS;

/** A request with one part of a message. */
const withPart = (wire: Wire, part: unknown): Body => {
  if (wire === 'gemini') return { contents: [{ role: 'user', parts: [part] }] };
  if (wire === 'responses') return { model: 'm', input: [{ role: 'user', content: [part] }] };
  return { model: 'm', messages: [{ role: 'user', content: [part] }] };
};
const withTools = (...tools: unknown[]): Body => ({ ...ASKED, role: undefined, tools });

const REFUSED: Readonly<Record<Wire, readonly (readonly [path: string, body: Body])[]>> = {
  messages: [
    [
      'messages.0.content.0.source.url',
      withPart('messages', { type: 'image', source: { type: 'url', url: EVIL } }),
    ],
    [
      'messages.0.content.0.source.url',
      withPart('messages', { type: 'document', source: { type: 'url', url: EVIL } }),
    ],
    [
      'messages.0.content.0.source.type',
      withPart('messages', { type: 'image', source: { type: 'file', file_id: 'f' } }),
    ],
    [
      'messages.0.content.0.content.0.source.url',
      withPart('messages', {
        type: 'tool_result',
        tool_use_id: 't',
        content: [{ type: 'image', source: { type: 'url', url: EVIL } }],
      }),
    ],
    [
      'messages.0.content.0.source.content.0.source.url',
      withPart('messages', {
        type: 'document',
        source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url: EVIL } }] },
      }),
    ],
    ['messages.0.content.0.type', withPart('messages', { type: 'container_upload', file_id: 'f' })],
    ['messages.0.content.0.type', withPart('messages', { type: 'picture_of_tomorrow', at: EVIL })],
    [
      'messages.0.content.0.sneaky',
      withPart('messages', { type: 'image', sneaky: { at: EVIL }, source: { type: 'text' } }),
    ],
    ['mcp_servers', { model: 'm', mcp_servers: [{ type: 'url', url: EVIL, name: 'x' }] }],
    ['container', { model: 'm', container: { skills: [] } }],
    ['future_field', { model: 'm', future_field: { web: true } }],
    ['tools.0.type', withTools({ type: 'code_execution_20250825', name: 'code_execution' })],
    [
      'tools.1.type',
      withTools({ name: 'bash', input_schema: {} }, { type: 'mcp_toolset', mcp_server_name: 'x' }),
    ],
    ['tools.0.type', withTools({ type: 'bash_code_execution', name: 'x' })],
    ['tools', withTools({ type: 'web_search_20250305', name: 'web_search' })],
    ['tools', withTools({ type: 'web_fetch_20250910', name: 'web_fetch' })],
    ['tools.0', withTools([{ type: 'code_execution_20250825' }])],
    ['tools.0.type', withTools({ type: ['web_search_20250305'] })],
  ],
  chat: [
    ['messages.0.content.0.image_url.url', withPart('chat', { type: 'image_url', image_url: { url: EVIL } })],
    ['messages.0.content.0.image_url', withPart('chat', { type: 'image_url', image_url: EVIL })],
    ['messages.0.content.0.image_url', withPart('chat', { type: 'image_url', image_url: [{ url: EVIL }] })],
    ['messages.0.content.0.Image_Url', withPart('chat', { type: 'image_url', Image_Url: { url: EVIL } })],
    ['messages.0.content.0.video_url.url', withPart('chat', { type: 'video_url', video_url: { url: EVIL } })],
    ['messages.0.content.0.file.file_id', withPart('chat', { type: 'file', file: { file_id: 'f' } })],
    ...[
      EVIL,
      'https:evil.example',
      'https:/evil.example',
      'HTTP:\\\\evil.example',
      'ht\ttps:\n/evil.example',
    ].map((file_data): [string, object] => [
      'messages.0.content.0.file.file_data',
      withPart('chat', { type: 'file', file: { file_data } }),
    ]),
    [
      'messages.0.content.0.image_url.url',
      withPart('chat', { type: 'image_url', image_url: { url: ' \tHTTPS:\\\\evil.example' } }),
    ],
    [
      'messages.0.content.0.image_url.url',
      withPart('chat', { type: 'image_url', image_url: { url: 'https://good.example@evil.example/' } }),
    ],
    [
      'messages.0.content.0.image_url.url',
      withPart('chat', { type: 'image_url', image_url: { url: 'gs://bucket/x' } }),
    ],
    ['web_search_options', { model: 'm', web_search_options: {} }],
    ['plugins', { model: 'm', plugins: [{ id: 'web' }] }],
    ['extra_body', { model: 'm', extra_body: { enable_search: true } }],
    ['tools', withTools({ type: 'web_search' })],
    ['tools.0.type', withTools({ type: 'mcp', server_url: EVIL })],
    ['tool_choice.type', { model: 'm', tool_choice: { type: 'web_search' } }],
    ['__proto__', JSON.parse('{"model":"m","__proto__":{"plugins":[{"id":"web"}]}}')],
  ],
  responses: [
    ['input.0.content.0.image_url', withPart('responses', { type: 'input_image', image_url: EVIL })],
    ['input.0.content.0.file_id', withPart('responses', { type: 'input_image', file_id: 'f' })],
    ['input.0.content.0.file_url', withPart('responses', { type: 'input_file', file_url: EVIL })],
    [
      'input.0.output.0.image_url',
      {
        model: 'm',
        input: [
          { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: EVIL }] },
        ],
      },
    ],
    ['input.0.type', { model: 'm', input: [{ type: 'item_reference', id: 'rs_1' }] }],
    ['previous_response_id', { model: 'm', previous_response_id: 'resp_1' }],
    ['conversation', { model: 'm', conversation: { id: 'conv_1' } }],
    ['background', { model: 'm', background: true }],
    ['prompt', { model: 'm', prompt: { id: 'pmpt_1' } }],
    ['tools.0.type', withTools({ type: 'mcp', server_label: 'x', server_url: EVIL })],
    ['tools.0.type', withTools({ type: 'file_search', vector_store_ids: ['vs_1'] })],
    ['tools.0.type', withTools({ type: 'code_interpreter', container: { type: 'auto' } })],
    ['tools', withTools({ type: 'web_search_preview_2025_03_11' })],
    [
      'tools.0.tools.0.type',
      withTools({ type: 'namespace', name: 'n', tools: [{ type: 'code_interpreter' }] }),
    ],
  ],
  gemini: [
    ['contents.0.parts.0.fileData.fileUri', withPart('gemini', { fileData: { fileUri: EVIL } })],
    ['contents.0.parts.0.file_data.file_uri', withPart('gemini', { file_data: { file_uri: EVIL } })],
    [
      'contents.0.parts.0.functionResponse.parts.0.fileData.fileUri',
      withPart('gemini', { functionResponse: { name: 'x', parts: [{ fileData: { fileUri: EVIL } }] } }),
    ],
    [
      'systemInstruction.parts.0.fileData.fileUri',
      { systemInstruction: { parts: [{ fileData: { fileUri: EVIL } }] } },
    ],
    ['contents.0.parts.0.pictureUrl', withPart('gemini', { pictureUrl: EVIL })],
    ...['googleSearch', 'google_search', 'urlContext', 'codeExecution', 'fileSearch', 'future'].map(
      (tool) => [`tools.1.${tool}`, { tools: [{ functionDeclarations: [] }, { [tool]: {} }] }] as const,
    ),
    ['cachedContent', { cachedContent: 'cachedContents/1' }],
    ['cached_content', { cached_content: 'cachedContents/1' }],
  ],
};

const ERRORS: Readonly<Record<Wire, object>> = {
  messages: { type: 'error', error: { type: 'invalid_request_error' } },
  chat: { error: { code: 'request.invalid' } },
  responses: { error: { code: 'request.invalid' } },
  gemini: { error: { code: 400, status: 'INVALID_ARGUMENT' } },
};

describe('a request to a provider', () => {
  let provider: Server;
  let front: Server;
  let base = '';
  const received: { readonly headers: IncomingHttpHeaders; readonly body: unknown }[] = [];
  const denied: string[] = [];
  const spent: number[] = [];

  beforeAll(async () => {
    provider = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request.setEncoding('utf8')) text += chunk;
      received.push({ headers: request.headers, body: JSON.parse(text) });
      response.end('{}');
    });
    const baseUrl = await listen(provider);
    const relay = createModelRelay({
      providers: {
        openai: { wire: 'openai', baseUrl, key: undefined },
        anthropic: { wire: 'anthropic', baseUrl, key: undefined },
        gemini: { wire: 'gemini', baseUrl, key: undefined },
      },
      authorise: async () => ({ attemptId: 'at_1', taskId: 'tk_1' }),
      judgeLinks: createLinkJudge({
        ruleOf: async () => ({
          policy: { preset: 'custom', allow: ['good.example', '127.0.0.1'] },
          during: 'work',
        }),
        registries: [],
        record: ({ host, verdict }) => void denied.push(`${verdict} ${host}`),
      }),
      ledger: async ({ status }) => void spent.push(status),
      clock: { now: () => Date.now() },
      log: () => undefined,
    });
    front = createServer(
      (request, response) =>
        void relay.handle(request, response, { path: request.url ?? '', sandboxId: 'sb_1' }),
    );
    base = await listen(front);
  });
  afterAll(() => {
    for (const server of [front, provider]) {
      server.closeAllConnections();
      server.close();
    }
  });

  const send = async (path: string, body: string, headers: Record<string, string> = {}) => {
    received.length = 0;
    denied.length = 0;
    spent.length = 0;
    const response = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { authorization: 'Bearer t', ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  };
  const passed = async (wire: Wire, body: Body): Promise<unknown> => {
    const { status, text } = await send(PATHS[wire], JSON.stringify(body));
    expect([status, text]).toEqual([200, '{}']);
    return received[0]?.body;
  };

  for (const [wire, cases] of Object.entries(REFUSED) as [Wire, (typeof REFUSED)[Wire]][])
    describe(wire, () => {
      it.each(cases)('is refused with the place of what the provider would do: %s', async (path, body) => {
        const { status, text } = await send(PATHS[wire], JSON.stringify(body));
        expect([status, received]).toEqual([400, []]);
        expect(JSON.parse(text)).toMatchObject(ERRORS[wire]);
        expect(text).toContain(` ${path}: `);
      });
    });

  it('says which policy would allow an address, and is recorded as a denial', async () => {
    const { text } = await send(PATHS.chat, JSON.stringify(REFUSED.chat[0]?.[1]));
    expect(text).toContain('--egress good.example,127.0.0.1,evil.example');
    expect(denied).toEqual(['denied evil.example']);
    expect(spent).toEqual([400]);
  });

  it('has an address where the policy allows the host, content itself anywhere', async () => {
    const urls = ['https://good.example/a.png', 'data:image/png;base64,AAAA'];
    for (const url of urls) {
      const body = withPart('chat', { type: 'image_url', image_url: { url } });
      expect(await passed('chat', body)).toEqual(body);
    }
    const own = withPart('gemini', { fileData: { fileUri: `http://127.0.0.1:80/v1beta/files/x` } });
    expect(await send(PATHS.gemini, JSON.stringify(own))).toMatchObject({ status: 400 });
  });

  it('loses tools of the provider beside those of the agent, and is kept by nobody', async () => {
    const bash = { type: 'function', name: 'bash', parameters: { default: EVIL } };
    const search = { type: 'web_search', external_web_access: true };
    const input = 'look at https://evil.example';
    expect(
      await passed('responses', {
        model: 'm',
        store: true,
        input,
        tools: [search, bash, { type: 'local_shell' }],
      }),
    ).toEqual({ model: 'm', store: false, input, tools: [bash, { type: 'local_shell' }] });
    expect(await passed('responses', { model: 'm', input })).toMatchObject({ store: false });
    const tool = { name: 'bash', input_schema: { $schema: 'https://json-schema.org/x' } };
    expect(
      await passed('messages', { model: 'm', tools: [{ type: 'web_search_20250305', name: 'w' }, tool] }),
    ).toEqual({ model: 'm', tools: [tool] });
    expect(await passed('chat', { model: 'm', store: true, metadata: { a: EVIL } })).toEqual({
      model: 'm',
      metadata: { a: EVIL },
    });
  });

  it('passes as it is when the agent runs what it asks for', async () => {
    const text = `see ${EVIL}`;
    const bodies: readonly [Wire, Body][] = [
      [
        'messages',
        {
          model: 'm',
          system: [{ type: 'text', text, cache_control: { type: 'ephemeral' } }],
          messages: [
            { role: 'user', content: EVIL },
            {
              role: 'assistant',
              content: [{ type: 'tool_use', id: 't', name: 'get', input: { url: EVIL, file_id: 'f' } }],
            },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: EVIL }] },
          ],
          tools: [
            { type: 'bash_20250124', name: 'bash' },
            { type: 'text_editor_20250728', name: 'e' },
          ],
          mcp_servers: [],
        },
      ],
      [
        'chat',
        {
          model: 'm',
          messages: [
            {
              role: 'assistant',
              content: null,
              tool_calls: [{ id: 'c', function: { name: 'get', arguments: EVIL } }],
            },
            { role: 'tool', tool_call_id: 'c', content: [{ type: 'text', text: EVIL }] },
          ],
          response_format: { type: 'json_schema', json_schema: { schema: { $schema: EVIL } } },
        },
      ],
      [
        'responses',
        {
          model: 'm',
          instructions: EVIL,
          input: [
            { type: 'function_call', call_id: 'c', name: 'get', arguments: EVIL },
            { type: 'function_call_output', call_id: 'c', output: EVIL },
            { type: 'reasoning', summary: [], encrypted_content: 'x' },
          ],
          previous_response_id: null,
          background: false,
          store: false,
        },
      ],
      [
        'gemini',
        {
          system_instruction: { parts: [{ text }] },
          contents: [
            {
              role: 'model',
              parts: [{ functionCall: { name: 'get', args: { url: EVIL } }, thoughtSignature: 'x' }],
            },
            { role: 'user', parts: [{ functionResponse: { name: 'get', response: { output: EVIL } } }] },
          ],
          tools: [{ functionDeclarations: [{ name: 'get', parametersJsonSchema: { $schema: EVIL } }] }],
        },
      ],
    ];
    for (const [wire, body] of bodies) expect(await passed(wire, body)).toEqual(body);
  });

  it('is read by the provider as it was judged', async () => {
    const twice = '{"model":"m","plugins":[{"id":"web"}],"plugins":[]}';
    expect((await send(PATHS.chat, twice, { 'content-type': 'multipart/form-data' })).status).toBe(200);
    expect(received).toMatchObject([
      { headers: { 'content-type': 'application/json' }, body: { model: 'm', plugins: [] } },
    ]);
    for (const body of ['', '[]', '{"model":', '\u001f\u008b'])
      expect((await send(PATHS.chat, body, { 'content-encoding': 'gzip' })).status).toBe(400);
  });

  it.each([
    '/openai/v1/batches',
    '/openai/v1/files',
    '/openai/v1/conversations',
    '/openai/v1/responses/resp_1',
    '/openai/v1/threads',
    '/openai/v1/vector_stores',
    '/anthropic/v1/messages/batches',
    '/anthropic/v1/files',
    '/gemini/v1beta/models/m:batchGenerateContent',
    '/gemini/v1beta/cachedContents',
    '/gemini/upload/v1beta/files',
  ])('generates, counts or lists, nothing else: %s', async (path) => {
    expect([(await send(path, '{}')).status, received]).toEqual([404, []]);
  });
});

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // a TCP server has a TCP address
};
