/** Shapes that a provider may read in another way than the relay: nothing passes that a table does not list. */
import { expect, it } from 'vitest';
import { checkModels, modelsIn } from './allowed-models.ts';
import { judgeRequest } from './request-rules.ts';
import { REQUEST_TABLES } from './request-tables.ts';

type Wire = keyof typeof REQUEST_TABLES;

const judged = (wire: Wire, body: object) => judgeRequest(REQUEST_TABLES[wire], { model: 'm', ...body });
const says = (message: string) =>
  expect.objectContaining({ code: 'request.invalid', message: expect.stringContaining(message) });
const chat = (content: unknown) => ({ messages: [{ role: 'user', content }] });
const FUNCTION = { type: 'function', function: { name: 'x' } };
const EVIL = 'https://evil.example/x';

const REFUSED: readonly (readonly [Wire, string, object])[] = [
  ['responses', 'input.0.role', { input: [{ id: 'msg_1' }] }],
  ['responses', 'input.0.role', { input: [{ type: null, id: 'msg_1' }] }],
  ['responses', 'input.role', { input: { id: 'msg_1' } }],
  ['responses', 'input.0.content', { input: [{ id: 'msg_1', role: 'user', content: [] }] }],
  ['responses', 'input.0.name', { input: [{ type: 'function_call', id: 'fc_1' }] }],
  ['responses', 'input.0.output', { input: [{ type: 'function_call_output', id: 'fc_1' }] }],
  ['responses', 'input.0.encrypted_content', { input: [{ type: 'compaction', id: 'cmp_1' }] }],
  [
    'responses',
    'input.0.environment.type',
    {
      input: [
        { type: 'shell_call', action: {}, environment: { type: 'container_reference', container_id: 'c' } },
      ],
    },
  ],
  [
    'responses',
    'input.0.content.0.source',
    { input: [{ role: 'user', content: [{ type: 'input_text', text: 'x', source: EVIL }] }] },
  ],
  [
    'responses',
    'tools.0.container',
    { tools: [{ type: 'custom', name: 'x', container: { file_ids: ['f'] } }] },
  ],
  ['chat', 'tools.0.google_search', { tools: [{ google_search: {} }] }],
  ['chat', 'tools.0.url_context', { tools: [{ type: null, url_context: {} }, FUNCTION] }],
  ['chat', 'tools.0.server_url', { tools: [{ ...FUNCTION, server_url: EVIL }] }],
  ['chat', 'messages.0.content.0.image_url', chat([{ type: 'text', text: 'x', image_url: { url: EVIL } }])],
  ['chat', 'messages.0.content.image_url', chat({ type: 'text', text: 'x', image_url: { url: EVIL } })],
  [
    'chat',
    'messages.0.content.0.image_url.fallback',
    chat([{ type: 'image_url', image_url: { url: 'data:,x', fallback: 'evil.example/x' } }]),
  ],
  [
    'chat',
    'messages.0.images',
    { messages: [{ role: 'user', content: 'x', images: ['evil.example/a.png'] }] },
  ],
  ['chat', 'model', { model: 'x/y:online' }],
  ['chat', 'model', { model: { id: 'm' } }],
  [
    'messages',
    'messages.0.content.0.source',
    {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'x', source: { type: 'url', url: EVIL } }] },
      ],
    },
  ],
  [
    'messages',
    'messages.0.content.0.source.url',
    {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', data: 'x', media_type: 'image/png', url: EVIL } },
          ],
        },
      ],
    },
  ],
  ['messages', 'tools.0.url', { tools: [{ name: 'x', type: null, url: EVIL }] }],
  ['messages', 'tools.0.mcp_server_url', { tools: [{ type: 'custom', name: 'x', mcp_server_url: EVIL }] }],
  ['generateContent', 'contents.0.image', { contents: [{ parts: [{ text: 'x' }], image: 'evil.example' }] }],
];

it.each(REFUSED)('of %s nothing is passed on at %s but what its table lists', (wire, path, body) => {
  expect(() => judged(wire, body)).toThrow(says(` ${path}: `));
});

it('finds an address without a scheme, which is held to the egress policy like any other', () => {
  for (const address of ['evil.example/x.png', '//evil.example', '10.0.0.1/x', '[::1]/x'])
    for (const body of [
      { options: { api_base: address } },
      chat([{ type: 'image_url', image_url: address }]),
    ])
      expect(judged('chat', body).links, address).toMatchObject([{ address }]);
  expect(
    judged('chat', { reasoning: { effort: 'high' }, options: { num_ctx: 4096, stop: ['</s>'] } }).links,
  ).toEqual([]);
});

it('takes the id off what would be looked up by it, and leaves what brings its content', () => {
  const lone = { type: 'reasoning', id: 'rs_1', summary: [] };
  const whole = { ...lone, encrypted_content: 'x' };
  const spoken = {
    id: 'msg_1',
    role: 'assistant',
    content: [{ type: 'output_text', text: 'x', annotations: [] }],
    phase: null,
  };
  const output = { type: 'function_call_output', call_id: 'c', output: '' };
  expect(judged('responses', { input: [lone, whole, spoken, output] }).request).toMatchObject({
    input: [{ type: 'reasoning', summary: [] }, whole, spoken, output],
  });
  expect(judged('responses', { input: [lone] }).request.input).toEqual([{ type: 'reasoning', summary: [] }]);
});

it('asks only models that the operator lists, wherever a request names them', () => {
  const provider = { models: ['gpt-5.5', 'gemini-2.5*'] };
  const check = (...models: unknown[]) => checkModels({ name: 'openai', provider, models });
  for (const model of ['gpt-5.5', 'gemini-2.5-flash', 'models/gemini-2.5-pro'])
    expect(check(model)).toBeUndefined();
  for (const model of ['gpt-5.5-pro', 'GPT-5.5', 'x/gemini-2.5', null, undefined, 7])
    expect(() => check(model), String(model)).toThrow(says('models.providers.openai.models'));
  const nested = { generateContentRequest: { model: 'models/other' } };
  expect(() => check('gemini-2.5-pro', ...modelsIn(nested))).toThrow(says(' model: '));
  expect(checkModels({ name: 'openai', provider: {}, models: ['anything'] })).toBeUndefined();
});
